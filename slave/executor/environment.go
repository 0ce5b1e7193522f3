package executor

import (
	"errors"
	"fmt"
	"time"

	"meseta/messages/ids"
	"meseta/messages/units"
	"meseta/runtime"
)

// Environment holds the MESOS_… variables that an agent sets for its executors.
type Environment struct {
	Agent         runtime.PID // MESOS_SLAVE_PID
	AgentID       ids.Agent   // MESOS_SLAVE_ID
	FrameworkID   ids.Framework
	ExecutorID    ids.Executor
	Directory     string        // MESOS_DIRECTORY: the sandbox, as a path of the host
	Checkpoint    bool          // MESOS_CHECKPOINT: the agent may restart and come back
	Recovery      time.Duration // MESOS_RECOVERY_TIMEOUT: how long the agent may stay away
	Backoff       time.Duration // MESOS_SUBSCRIPTION_BACKOFF_MAX: upper bound of the delay before a subscription is repeated
	ShutdownGrace time.Duration // MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD
	Token         string        // MESOS_EXECUTOR_AUTHENTICATION_TOKEN: proves to the agent which executor this is; empty means none
	Socket        string        // MESOS_DOMAIN_SOCKET: the Unix domain socket of the agent's HTTP API; empty means that the port serves it
	Local         bool          // MESOS_LOCAL: the executor shares its process with others and must not kill it
}

// TokenVariable is the environment variable with an executor's token. A program takes it out of its environment when it
// has read it, so that tasks do not inherit it.
const TokenVariable = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN"

// longestSocket is how many bytes the path of a Unix domain socket may have.
const longestSocket = 107

// ParseEnvironment parses the variables that lookup returns, which is usually [os.LookupEnv]. It reports all errors at
// once.
func ParseEnvironment(lookup func(string) (string, bool)) (Environment, error) {
	e := Environment{Recovery: 15 * time.Minute, Backoff: 2 * time.Second, ShutdownGrace: 5 * time.Second}
	var errs []error
	required := func(name string) string {
		v, ok := lookup(name)
		if !ok {
			errs = append(errs, fmt.Errorf("expecting %s to be set in the environment", name))
		}
		return v
	}
	duration := func(name string, to *time.Duration) {
		v, ok := lookup(name)
		if !ok {
			return
		}
		d, err := units.ParseDuration(v)
		if err == nil && d < 0 {
			err = fmt.Errorf("%s is negative", v)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("parse %s: %w", name, err))
			return
		}
		*to = d
	}
	if pid := required("MESOS_SLAVE_PID"); pid != "" {
		var err error
		if e.Agent, err = runtime.ParsePID(pid); err != nil {
			errs = append(errs, fmt.Errorf("parse MESOS_SLAVE_PID: %w", err))
		}
	}
	e.AgentID = ids.Agent(required("MESOS_SLAVE_ID"))
	e.FrameworkID = ids.Framework(required("MESOS_FRAMEWORK_ID"))
	e.ExecutorID = ids.Executor(required("MESOS_EXECUTOR_ID"))
	e.Directory = required("MESOS_DIRECTORY")
	duration("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", &e.ShutdownGrace)
	if v, _ := lookup("MESOS_CHECKPOINT"); v == "1" {
		e.Checkpoint = true
		duration("MESOS_RECOVERY_TIMEOUT", &e.Recovery)
		duration("MESOS_SUBSCRIPTION_BACKOFF_MAX", &e.Backoff)
	}
	e.Token, _ = lookup(TokenVariable)
	e.Socket, _ = lookup("MESOS_DOMAIN_SOCKET")
	if len(e.Socket) > longestSocket {
		errs = append(errs, fmt.Errorf("MESOS_DOMAIN_SOCKET: %s is longer than %d bytes, which no socket can be", e.Socket, longestSocket))
	}
	_, e.Local = lookup("MESOS_LOCAL")
	return e, errors.Join(errs...)
}
