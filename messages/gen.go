// Package messages holds the data that Mesos's components exchange and store. Nothing here does I/O, reads a clock or
// starts a goroutine.
//
// The generated protobuf packages, with Mesos's full names and field numbers, are below pb. The packages beside it
// operate on that data. In this order, each needs only those before it:
//
//   - ids, units: identifiers, durations and sizes as Go types
//   - capabilities, roles: what frameworks and agents understand, and which roles resources belong to
//   - values, attributes: the grammar in which operators write values
//   - mesosjson, recordio, mediatype, evolve: encodings, and conversion between v0 and v1
//   - resources, ledger: the algebra of resources, and the resources of one agent
//   - shallow, equal, tasks, validate: copying and comparing messages, and the rules about tasks, commands and
//     containers
//     that masters and agents share
//   - jsonwriter, endpoint, answer: JSON written piece by piece, the JSON that endpoints of masters and agents share,
//     and
//     long answers of their operator APIs
package messages

//go:generate go run meseta/cmd/internal/tools/protogen -root ..
