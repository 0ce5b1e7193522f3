// Package messages holds what travels between Mesos's parts and what they store: the protobuf packages with Mesos's
// full names and field numbers, for ever, and beside them the algebra on that data (ids, resources, roles, attributes,
// values, JSON, RecordIO). Nothing below it does I/O, reads a clock or starts a goroutine.
package messages

//go:generate go run meseta/cmd/internal/protogen -root ..
