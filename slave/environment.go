package slave

import (
	"maps"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/units"
	"meseta/runtime"
)

// execution is what an executor is told about its place.
type execution struct {
	executor   *mesospb.ExecutorInfo
	directory  string
	agent      ids.Agent
	pid        runtime.PID
	checkpoint bool
}

// environment returns the variables of an executor.
//
// Mesos: executorEnvironment.
func (c Config) environment(x execution) map[string]string {
	env := map[string]string{}
	if c.LibprocessIP != "" {
		env["LIBPROCESS_IP"] = c.LibprocessIP
	}
	maps.Copy(env, c.Environment)
	grace := c.ExecutorShutdownGrace
	if x.executor.GetShutdownGracePeriod() != nil {
		grace = nanoseconds(x.executor.GetShutdownGracePeriod())
	}
	maps.Copy(env, map[string]string{
		"LIBPROCESS_PORT":                      "0",
		"MESOS_FRAMEWORK_ID":                   x.executor.GetFrameworkId().GetValue(),
		"MESOS_EXECUTOR_ID":                    x.executor.GetExecutorId().GetValue(),
		"MESOS_DIRECTORY":                      x.directory,
		"MESOS_SLAVE_ID":                       string(x.agent),
		"MESOS_SLAVE_PID":                      x.pid.String(),
		"MESOS_AGENT_ENDPOINT":                 x.pid.Addr,
		"MESOS_CHECKPOINT":                     flag(x.checkpoint),
		"MESOS_HTTP_COMMAND_EXECUTOR":          flag(c.HTTPCommandExecutor),
		"MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": units.FormatDuration(grace),
	})
	if x.checkpoint {
		env["MESOS_RECOVERY_TIMEOUT"] = units.FormatDuration(c.RecoveryTimeout)
		env["MESOS_SUBSCRIPTION_BACKOFF_MAX"] = units.FormatDuration(c.ExecutorReregistration)
	}
	return env
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
