// Package files is the actor "files": it shows chosen files and folders of the machine to people and tools, under
// virtual paths, at /files/browse, /files/read, /files/download and /files/debug: a daemon's log, the sandboxes of tasks.
//
// Who owns a path calls [Attach], and [Detach] when it goes. Nothing outside of what is attached can be reached, by no
// symbolic link, no "..", and no race with a task that moves things around in its sandbox; nor does a pipe that a task
// left in the way of a reader hold anybody up.
//
// The actor only decides what a virtual path means and who may see it; the disk is read off its turn, and what is
// downloaded is read piece by piece as the client takes it. [Browse] and [Read] are for actors that serve files by other
// means. On a node without this actor Attach and Detach do nothing.
//
// Mesos: Files.
package files
