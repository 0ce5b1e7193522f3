// Package mesosjson writes and reads protobuf messages in Mesos's JSON, which is older than protobuf's own: fields are
// named as in the .proto files, 64-bit integers are numbers, enum values are names, bytes are base64 strings. An unset
// field that has a default in the .proto file is written with its default unless it is deprecated.
//
// Reading ignores unknown fields, null, and unknown names of optional enums. It accepts strings for numbers and
// booleans, and a single value for a list. A missing required field is an error. Errors name the field.
//
// Messages of v0 can also be written and read with the names of v1 ([AppendV1], [UnmarshalV1]), so that the daemons
// need not convert the messages of their HTTP APIs.
package mesosjson
