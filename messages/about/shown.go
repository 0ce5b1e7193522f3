package about

import (
	"regexp"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// shown are the texts that a trace shows, and there are no others: what names somebody, and what is said about how things are. What
// an operator may have given a task in confidence, and what tasks, executors and schedulers say to each other, is not among them.
// The v1 types show the same. Numbers, booleans and enumerations may be shown.
var shown = map[string]bool{
	"mesos.TaskID.value":      true,
	"mesos.ExecutorID.value":  true,
	"mesos.FrameworkID.value": true,
	"mesos.SlaveID.value":     true,
	"mesos.OfferID.value":     true,
	"mesos.OperationID.value": true,
	"mesos.UUID.value":        true,
	"mesos.ContainerID.value": true,

	"mesos.FrameworkInfo.name": true,
	"mesos.SlaveInfo.hostname": true,
	"mesos.Offer.hostname":     true,

	"mesos.TaskStatus.message":                                  true, // see Veiled
	"mesos.TaskStatus.uuid":                                     true,
	"mesos.OperationStatus.message":                             true,
	"mesos.internal.StatusUpdate.uuid":                          true,
	"mesos.internal.StatusUpdateAcknowledgementMessage.uuid":    true,
	"mesos.internal.FrameworkErrorMessage.message":              true,
	"mesos.internal.ShutdownMessage.message":                    true,
	"mesos.internal.AuthenticateMessage.pid":                    true,
	"mesos.internal.AuthenticationErrorMessage.error":           true,
	"mesos.internal.AuthenticationMechanismsMessage.mechanisms": true,
	"mesos.scheduler.Call.Acknowledge.uuid":                     true,
	"mesos.executor.Event.Acknowledged.uuid":                    true,
}

// Shown reports whether a trace may show the value of a field. Those of messages are shown by their own fields.
func Shown(f protoreflect.FieldDescriptor) bool {
	if k := f.Kind(); k != protoreflect.StringKind && k != protoreflect.BytesKind {
		return f.Message() == nil
	}
	name := string(f.FullName())
	if rest, isV1 := strings.CutPrefix(name, "mesos.v1."); isV1 {
		name = "mesos." + strings.ReplaceAll(rest, "Agent", "Slave")
	}
	return shown[name]
}

// confidential are the parts of URIs which let others in: users with their passwords, and queries, which may be signed.
var confidential = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)([^\s/?#'"]*@)?([^\s?'"]*\??)([^\s'"]*)`)

// Veiled returns a text that somebody wrote for people without what URIs in it have in confidence: why a file could not be fetched
// says from where, but not with which password.
func Veiled(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	return confidential.ReplaceAllStringFunc(text, func(uri string) string {
		part := confidential.FindStringSubmatch(uri)
		for _, i := range []int{2, 4} {
			if part[i] != "" {
				part[i] = "…"
			}
		}
		if part[2] != "" {
			part[2] += "@"
		}
		return strings.Join(part[1:], "")
	})
}
