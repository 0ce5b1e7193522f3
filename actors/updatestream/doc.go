// Package updatestream brings updates to whoever is to acknowledge them: those of one key in order, one at a time, again
// and again until each is acknowledged. Updates can be written down before they are taken over, and taken over again by
// the next process.
//
// [Streams] is embedded in an actor that knows what is updated: the tasks of an agent, or its operations. A [Kind] says
// what the two have of their own. Streams knows neither sender nor receiver: forwarding is a function it was given.
//
// Mesos: TaskStatusUpdateManager, StatusUpdateManagerProcess.
package updatestream
