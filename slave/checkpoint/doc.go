// Package checkpoint defines what an agent keeps on disk: the layout of the files, their contents, and how they are
// read. Both are exactly Mesos's, so that an agent of either kind can read what the other left.
//
//	<work_dir>/slaves/<agent>/frameworks/<framework>/executors/<executor>/runs/<container>   a sandbox
//	<work_dir>/meta/slaves/<agent>/…                                                         the same, for checkpoints
//
// [Root] and the types below it make paths and do not access the disk. [Records] are changes in Mesos's format, which a
// [disk.Writer] makes in the order in which it gets them; an agent that tells others about a record first waits for it.
// [Read] reads what an earlier run of the agent left.
//
// Mesos: src/slave/paths.hpp, src/slave/state.hpp.
package checkpoint
