// Package allocator decides which agents' resources are offered to which frameworks.
//
// An [Allocator] is an actor. The master reports agents, frameworks and the outcome of offers to it, and the allocator
// makes offers through the callback given to [New]. It makes offers when an agent or a framework is added, when a
// framework revives offers, and every [Config.AllocationInterval]. Requests in quick succession are batched into one
// cycle.
//
// Fairness is hierarchical dominant resource fairness. A role's dominant share is the greatest of its fractions of the
// cluster's cpus, mem and so on. The role with the least dominant share divided by its weight is served next, level by
// level down the tree of roles, and within a role the framework with the least share. Ties go to the contender that
// received fewer offers, then to the lesser name, so the outcome depends on the events and the seed alone. The chosen
// framework is offered everything available on an agent that it may have: agents are offered whole.
//
// The work of a cycle is proportional to what changed since the last one, not to agents × frameworks. After a cycle an
// agent is settled: what remains available on it was refused, is too little, or may not be offered to any framework
// that wants offers. It stays settled while resources are taken from it. A cycle visits it again only for a reason. If
// resources came back, it is visited for all clients. If a filter expired, a role was revived or a framework was
// added, it is visited for that client only.
//
// Roles may have quotas. Such a role is served before others until it has what it is guaranteed, and others are not offered
// what it would then lack. The role is offered no more than its limit, for which the scalars of an agent are divided if
// necessary. While there are quotas, every cycle over all agents looks again at what they hold back.
//
// The files: drf.go orders contenders by share, roletree.go holds the roles, refusals.go the offer filters, quotas.go the
// quotas, book.go the allocations; cycle.go runs a cycle, and headroom.go one with quotas. None of these knows the runtime.
// The rest is the actor.
//
// Inverse offers are the master's task, which knows the maintenance schedule.
//
// Mesos: src/master/allocator/mesos/hierarchical.cpp.
package allocator
