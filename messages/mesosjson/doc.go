// Package mesosjson writes and reads protobuf messages as Mesos's JSON, which is older than protobuf's own: fields have
// their names from the .proto files, 64-bit integers are numbers, enums are names, bytes are base64 text. Fields that
// are not set but have a default in the .proto file are written with it, unless they are deprecated.
//
// Reading ignores unknown fields, null, and unknown names of enums that are not required; takes text for numbers and
// truth values; and takes one value where a list is expected. Missing required fields are an error. Errors name the field.
//
// Messages of v0 are written and read with the names of v1 as well ([AppendV1], [UnmarshalV1]), so that the daemons need
// not convert what comes and goes over HTTP.
package mesosjson
