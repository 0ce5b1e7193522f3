// Package resources implements the algebra of Mesos's resources: those of an agent, of an offer, of a task.
//
// A [Resources] is an immutable bag of [Resource]s; its zero value is the empty bag. Operations never change their
// operands, so a bag may be kept, shared between actors and compared without a copy. Scalars are fixed-point numbers
// with three decimals ([Quantity]), ranges are sorted intervals ([Ranges]), and everything else that distinguishes
// resources (name, reservations, disk, allocation role, …) is interned. Additions, subtractions and comparisons
// therefore work on integers and pointers. Protobuf messages appear only at the boundary: [FromProto] reads them,
// [Resources.Proto] writes them.
//
// The order of the resources in a bag has no meaning. It is the order in which they were first added, and it is kept
// because people read it: an agent started with "cpus:4;mem:1024" shows its resources in this order everywhere.
//
// Reservations have two formats on the wire. The older one ("pre reservation refinement") has a role and at most one
// dynamic reservation; the newer one has a stack of reservations. The package reads both and writes the newer one, or
// the older one for peers that need it ([Resources.PreRefinement]).
//
// Which operations on an offer are allowed is not decided here but in the master's validation.
//
// Mesos: include/mesos/resources.hpp.
package resources
