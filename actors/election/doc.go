// Package election is how a cluster decides which of its masters leads, and how everybody learns of it.
//
// A master enters through a [Contender] and learns of the result through a [Detector]: winning makes no difference between
// the two sides until the detector names the winner. Agents, schedulers and the masters themselves ask a Detector, again
// and again, for a leader other than the last one they heard of. [Parse] makes the detector that an operator asks for.
//
// [Standalone] and [StandaloneContender] serve a cluster of one master, [List] goes round masters that are listed, and
// [ZooKeeper] reads where Mesos's masters announce themselves. Detectors that follow an election implement the same port.
//
// A detector gives no guarantee that the leader it names still leads: whoever is told must be able to live with a master
// that has moved on, and with one that does not know of its own election yet. What a master that was replaced must not
// write any more, the registry's storage refuses.
package election
