// Package sharing decodes messages whose parts are often equal, such as the resources, labels and commands of a
// framework's tasks, so that equal parts exist once. A cluster's tasks then take a fraction of the memory, and most of a
// message is compared with what is known rather than decoded. What each task has of its own is made as few objects.
//
// The result equals that of proto.Unmarshal, and so does the error. Messages that contain shared parts must not be
// changed, as is the rule for all messages that were sent; copies by package shallow may be.
package sharing
