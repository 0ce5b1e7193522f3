// Package driver is what frameworks and executors are beyond what every process is: programs that are no daemons. They
// listen where those they talk to can reach them, end when their work does, and leave nothing unsaid.
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

// goodbye is how long what is still to be said at the end may take.
const goodbye = 5 * time.Second

// Run starts a node for work, and closes it afterwards. toward, "host:port", is whom it is going to talk to; unless a
// variable says otherwise, the node listens at the address from which that is reached.
func Run(o *program.Options, toward string, work func(*runtime.Node) error) error {
	log, closeLog, err := o.Logging.Open()
	if err != nil {
		return err
	}
	defer closeLog()
	if o.Network.IP == "" {
		o.Network.IP = localIP(toward)
	}
	node, err := o.Start(log, program.Node{})
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

// localIP is the address that packets to toward would come from; none is sent.
func localIP(toward string) string {
	conn, err := net.Dial("udp4", toward)
	if err != nil {
		return "127.0.0.1"
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).IP.String()
}

// RunExecutor runs the executor that start makes, until its driver is stopped. An agent must have started the program.
func RunExecutor(o *program.Options, start func(*runtime.Node, executor.Environment) (*executor.Driver, error)) error {
	env, err := executor.ParseEnvironment(os.LookupEnv)
	if err != nil {
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

// ExecutorVariables returns what of environ may set an executor's flags: how it logs. In all other variables MESOS_… an
// agent speaks to the driver, or a user to the tasks.
//
// Mesos: the drivers load the flags of logging from the environment; the executors' programs load nothing else.
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
