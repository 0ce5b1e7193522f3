// Package driver implements what programs of frameworks and executors have in common beyond package program: they
// listen on an address that their peers can reach, end with their work, and send their last messages before they exit.
package driver

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"meseta/cmd/internal/program"
	"meseta/runtime"
	"meseta/slave/executor"
)

// traceRing is the number of events that a driver's program keeps for /trace.
const traceRing = 1 << 12

// goodbye is how long the node may take to send its last messages.
const goodbye = 5 * time.Second

// Run starts a node for work, and closes it afterwards. toward is the "host:port" of the peer. Unless a variable sets
// another address, the node listens on the address from which the peer is reached.
func Run(o *program.Options, toward string, work func(*runtime.Node) error) error {
	log, closeLog, err := o.Logging.Open()
	if err != nil {
		return err
	}
	defer closeLog()
	if o.Network.IP == "" {
		o.Network.IP = localIP(toward)
	}
	node, err := o.Start(log, program.Node{TraceRing: traceRing})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), goodbye)
		defer cancel()
		if err := node.Close(ctx); err != nil {
			log.Warn().Err(err).Msg("the node did not end in time")
		}
	}()
	return work(node)
}

// localIP returns the source address of packets to toward. It sends none.
func localIP(toward string) string {
	conn, err := net.Dial("udp4", toward)
	if err != nil {
		return "127.0.0.1"
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).IP.String()
}

// RunExecutor runs the executor that start makes until its driver is stopped. The program must have been started by an
// agent.
func RunExecutor(o *program.Options, start func(*runtime.Node, executor.Environment) (*executor.Driver, error)) error {
	program.KeepFiles()
	env, err := executor.ParseEnvironment(os.LookupEnv)
	if err != nil {
		return err
	}
	if err := os.Unsetenv(executor.TokenVariable); err != nil {
		return err
	}
	return Run(o, env.Agent.Addr, func(node *runtime.Node) error {
		d, err := start(node, env)
		if err != nil {
			return err
		}
		if status := d.Join(); status != executor.Stopped {
			return fmt.Errorf("the driver is %s", status)
		}
		return nil
	})
}

// ExecutorVariables returns the variables in environ that may set an executor's flags, which are those of logging. All
// other MESOS_… variables are for the driver or for tasks.
//
// Mesos: drivers load the logging flags from the environment; the programs of executors load nothing else.
func ExecutorVariables(environ []string) []string {
	var flags []string
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "LIBPROCESS_") || logging[name] {
			flags = append(flags, v)
		}
	}
	return flags
}

var logging = map[string]bool{"MESOS_LOG_DIR": true, "MESOS_LOGGING_LEVEL": true, "MESOS_QUIET": true}
