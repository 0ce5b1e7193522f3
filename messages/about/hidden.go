package about

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// hidden are the fields whose values nobody who looks at a trace sees: what an operator may have given a task in confidence,
// and what tasks, executors and schedulers say to each other. The v1 types hide the same.
var hidden = map[string]bool{
	"mesos.Environment.Variable.value":               true,
	"mesos.Secret.Value.data":                        true,
	"mesos.Credential.secret":                        true,
	"mesos.Parameter.value":                          true, // of modules and of docker, which takes --env so
	"mesos.TaskInfo.data":                            true,
	"mesos.ExecutorInfo.data":                        true,
	"mesos.TaskStatus.data":                          true,
	"mesos.internal.AuthenticationStartMessage.data": true,
	"mesos.internal.AuthenticationStepMessage.data":  true,
	"mesos.internal.ExecutorToFrameworkMessage.data": true,
	"mesos.internal.FrameworkToExecutorMessage.data": true,
	"mesos.scheduler.Call.Message.data":              true,
	"mesos.scheduler.Event.Message.data":             true,
	"mesos.executor.Call.Message.data":               true,
	"mesos.executor.Event.Message.data":              true,
	"mesos.agent.ProcessIO.Data.data":                true,
	"mesos.agent.Response.ReadFile.data":             true,
	"mesos.master.Response.ReadFile.data":            true,
}

// Hidden reports whether the value of a field must not be shown.
func Hidden(f protoreflect.FieldDescriptor) bool {
	name := string(f.FullName())
	if rest, isV1 := strings.CutPrefix(name, "mesos.v1."); isV1 {
		name = "mesos." + rest
	}
	return hidden[name]
}
