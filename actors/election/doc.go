// Package election decides which of a cluster's masters leads, and tells the other processes about it.
//
// A master enters the election through a [Contender] and learns the result through a [Detector]: it has won only when
// the detector names it. Agents, schedulers and the masters themselves ask a Detector repeatedly for a leader other
// than the last one they were told of. [Parse] makes a detector from a command-line value.
//
// [Standalone] and [StandaloneContender] serve a cluster of one master. [Watched] asks a fixed list of masters, of which any tells who leads.
// [ZooKeeper] is a group of masters that announce themselves by nodes, as Mesos's do; its [Election] is a Contender and a
// Detector.
//
// A detector does not guarantee that the leader it names still leads. Its users must cope with a master that has been
// replaced and with one that does not know yet that it was elected. The registry's storage refuses writes of a master
// that has been replaced.
package election
