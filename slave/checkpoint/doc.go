// Package checkpoint is what an agent keeps on disk: where everything lies, what it looks like, and how it is written and
// read again. It is Mesos's layout and format to the letter, so that an agent of either kind finds what the other left.
//
//	<work_dir>/slaves/<agent>/frameworks/<framework>/executors/<executor>/runs/<container>   a sandbox
//	<work_dir>/meta/slaves/<agent>/…                                                         the same, for checkpoints
//
// [Root] and the types below it compose names and touch no disk. [Records] are changes in the form of Mesos, which a
// [disk.Writer] makes in the order in which they are given to it; an agent that tells others of a record waits for that
// first. [Read] tells what an earlier agent has left.
//
// Mesos: src/slave/paths.hpp, src/slave/state.hpp.
package checkpoint
