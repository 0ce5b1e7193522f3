// Package messages holds what travels between Mesos's parts and what they store. Nothing here does I/O, reads a clock or
// starts a goroutine.
//
// Below pb are the generated protobuf packages, with Mesos's full names and field numbers, for ever. The packages beside
// it are the algebra on that data. In this order each needs only those before it:
//
//   - ids, units: identifiers, durations and sizes as Go types
//   - capabilities, roles: what frameworks and agents understand, whom resources are for
//   - values, attributes: values as operators write them
//   - mesosjson, recordio, mediatype, evolve: how messages look on the wire, and v0 as v1
//   - resources, ledger: the algebra of what agents have and tasks use, and what one agent has
//   - shallow, equal, tasks, validate: copying messages, comparing them, and what every side knows about tasks and
//     about what is launched
//   - jsonwriter, endpoint, answer: JSON piece by piece, what endpoints of masters and agents show alike, and long answers
//     of their operator APIs
package messages

//go:generate go run meseta/cmd/internal/tools/protogen -root ..
