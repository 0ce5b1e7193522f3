// Package allocator decides which framework is offered the resources of which agent.
//
// An [Allocator] is an actor that the master tells about agents, frameworks and what becomes of offers, and that
// answers with offers, through the callback given to [New]. It offers when something happens (an agent comes, a
// framework comes or revives) and every [Config.AllocationInterval]. What happens in a row is batched into one cycle.
//
// Fairness is hierarchical dominant resource fairness: the next to be offered anything is the role with the least
// dominant share (the greatest of its fractions of the cluster's cpus, mem, …) divided by its weight, level by level
// down the tree of roles, and in the role the framework with the least. Ties go to who was offered something less
// often, then by name, so that the outcome follows from the events and the seed alone. Whoever is chosen is offered all
// that is free on an agent and that it may have: agents are offered whole.
//
// The work of a cycle is proportional to what changed since the last one, not to agents × frameworks. After a cycle an
// agent is settled: whatever is free on it was refused, is too little, or may not be had by anybody who wants offers.
// That stays true while resources leave it. So it is looked at again only for a reason: resources came back (then for
// everybody), or somebody may want them now who did not, because a filter expired, a role was revived, or a framework
// is new (then for that one only).
//
// Who decides what: drf.go keeps the order of contenders, roletree.go the roles, refusals.go what was declined, book.go
// who holds what, cycle.go a cycle; none of them knows the runtime. The rest is the actor.
//
// Quota belongs to later work; nothing here answers for it. Inverse offers are the master's, which knows what is planned.
//
// Mesos: src/master/allocator/mesos/hierarchical.cpp.
package allocator
