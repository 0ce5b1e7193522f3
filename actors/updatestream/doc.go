// Package updatestream delivers updates reliably. The updates of one key are sent in order, one at a time, and each is
// resent until it is acknowledged. Updates can be written to a file before they are accepted, and recovered from it by
// the next process.
//
// [Streams] is embedded in an actor that knows what is being updated, such as the tasks of an agent or its operations.
// A [Kind] describes what differs between these. Streams knows neither sender nor receiver; it forwards updates by
// calling a function that its owner provides.
//
// Mesos: TaskStatusUpdateManager, StatusUpdateManagerProcess.
package updatestream
