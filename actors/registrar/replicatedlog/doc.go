// Package replicatedlog reads and writes the directory in which a C++ Mesos master keeps its replica of the replicated
// log, and in it the registry: <work_dir>/replicated_log.
//
// The directory is a LevelDB. Its first key holds the state of the replica; the others, numbers of ten digits that are
// one larger than the position, hold the log's actions as mesos.internal.log.Record. What is appended to the log is a
// mesos.internal.state.Operation: a new version of the registry as a whole, since masters write no differences.
//
// Mesos: src/log/leveldb.cpp, src/log/replica.cpp, src/state/log.cpp.
package replicatedlog
