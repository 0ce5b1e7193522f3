// Package conversations replays what was recorded of a C++ agent over its restarts. Its tests play everybody else: the
// master, executors with a driver, and executors that use HTTP. Our agent finds the files that the recorded one had left,
// and has to say the same to everybody, at about the same time, and to leave the same files. Where it does not, a test says
// so and why. What was recorded of peers that authenticate, and of those that may not do something, is replayed with our master,
// our agent, and our driver in the place of theirs.
package conversations
