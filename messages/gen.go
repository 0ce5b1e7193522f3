// Package messages holds what travels between Mesos's parts and what they store. Below pb are the generated protobuf
// packages, with Mesos's full names and field numbers, for ever; the packages beside it are the algebra on that data (ids,
// resources, roles, attributes, values, JSON, RecordIO). Nothing here does I/O, reads a clock or starts a goroutine.
package messages

//go:generate go run meseta/cmd/internal/tools/protogen -root ..
