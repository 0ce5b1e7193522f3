// Package files provides the actor "files", which serves selected files and directories of the machine, such as a
// daemon's log or the sandboxes of tasks, under virtual paths at /files/browse, /files/read, /files/download and
// /files/debug.
//
// The owner of a path calls [Attach], and [Detach] when the path goes away. Nothing outside what is attached can be
// reached: not through a symbolic link, not with "..", and not by racing with a task that moves files in its sandbox.
// A named pipe in a sandbox does not block a reader.
//
// The actor only resolves virtual paths and decides who may see them. The disk is read off its turn, and downloads are
// read piece by piece as the client takes them. [Browse] and [Read] are for actors that serve files by other means. On
// a node without this actor, Attach and Detach do nothing.
//
// Mesos: Files.
package files
