// Package resources is the algebra of Mesos's resources: what an agent has, an offer grants, a task uses.
//
// A [Resources] is an immutable bag of [Resource]s, and its zero value is the empty bag. Arithmetic never changes its
// operands, so a bag may be kept, shared between actors and compared without copying. Inside, scalars are fixed-point
// numbers with three decimals ([Quantity]), ranges are sorted intervals ([Ranges]) and what tells one resource from
// another (name, reservations, disk, role it is allocated to, …) is interned, so that adding, subtracting and comparing
// work on integers and pointers. Protocol buffers appear only at the edge: [FromProto] on the way in, [Resources.Proto]
// on the way out.
//
// The order of the resources in a bag has no meaning, but it is kept (the order they were first added in), because
// people read it: an agent started with "cpus:4;mem:1024" says so everywhere.
//
// Two formats of reservations exist on the wire. The older ("pre reservation refinement") has a role and at most one
// dynamic reservation; the newer has a stack of them. Both are read; the newer is written, and the older on demand for
// peers that know no other ([Resources.PreRefinement]).
//
// Mesos: include/mesos/resources.hpp. The package does not know what an operation on an offer is allowed to do; that
// is the master's validation.
package resources
