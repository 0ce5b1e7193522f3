// Package consensus is a group of masters that agree on one state by Raft: who leads, and what the leader has written.
//
// Each master runs a [Member], an actor called [ID]. The protocol is go.etcd.io/raft/v3, a pure state machine. The member
// gives it time by its own timers, carries its messages as those of package consensuspb, and keeps its log on the node's
// disk (package log). Whatever others are told has been synced before. So a group runs in the simulator as it does on
// real machines.
//
// What the group agrees on is a [Machine], such as the registry of package actors/registrar/replicated, and who the members
// are. [Propose] changes the machine. It works on the leader alone, and its future always ends: when the leader loses its
// leadership, all that is not known to be done fails with [ErrLost].
//
// # How a group begins
//
// All members are given the same list of masters. A member with an empty disk says [consensuspb.HelloMessage] to the
// others until it belongs to a group. When all are heard and none belongs to one, the group is founded: by the member that
// has a state to begin with, if one has, and else by the one with the lowest address. Nobody but this one founds it, and
// only while it hears from all, so that there are never two groups. The others join as they do later, when a machine is
// replaced: they get a snapshot from the leader. A master whose disk is lost joins as a new member in place of the old one,
// since it does not know for whom the old one voted.
//
// Masters that find each other in ZooKeeper have no list. When 2·quorum-1 are there, and all of those that are there say
// that they belong to no group, one writes the founders' names into a node of ZooKeeper, which exists once. Whoever is
// named founds the group, all alike. Others, and those that come later, wait for the place of a member that has long been gone.
// A member whose group is not the one in ZooKeeper ends, so that of two groups, should ZooKeeper lose its data while all
// members of one are away, at most one has masters.
//
// A new member is a learner first, which counts for no majority, and gets a snapshot in pieces if the log does not reach
// back to where it begins. When it has caught up, it takes its place in one step with the removal of the one before it.
//
// # Leading
//
// A member leads when an entry of its own term is committed, and until it hears of another term or misses a majority of
// the members for an election timeout. [Leading] tells. [Election] is how a master contends for the leadership and how it
// detects who leads: the leader announces itself by an entry of the log.
package consensus
