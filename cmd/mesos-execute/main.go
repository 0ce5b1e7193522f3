// Command mesos-execute runs a command or a task group on a Mesos cluster, prints its updates, and exits with status 0
// if it finished.
//
//	mesos-execute --master=127.0.0.1:5050 --name=hello --command='echo hello'
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"meseta/cmd/internal/execute"
	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/program"
	"meseta/cmd/internal/program/driver"
	"meseta/runtime"
)

func main() {
	set := flags.New("mesos-execute", "run one command on a cluster")
	set.Default("logging_level", "WARNING") // standard error is for the updates of the task
	o, common := bind(set), program.Bind(set)
	set.ParseOrExit(program.Version("mesos-execute"), os.Environ())
	for _, w := range set.Warnings() {
		fmt.Fprintln(os.Stderr, "mesos-execute:", w)
	}
	if err := driver.Run(common, o.master, o.run); err != nil {
		fmt.Fprintln(os.Stderr, "mesos-execute:", err)
		os.Exit(1)
	}
}

// run runs the tasks to their end. The first signal kills them; the second one ends the program at once.
func (o *options) run(node *runtime.Node) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	over := make(chan error, 1)
	scheduler, d, err := execute.Start(node, o.framework(), o.master, execute.Config{
		Tasks: o.tasks, Group: o.group, Container: o.executorContainer(), Role: o.role, KillAfter: o.killAfter, Credential: o.credential(), Out: os.Stdout, Over: func(err error) { over <- err },
	})
	if err != nil {
		return err
	}
	defer d.Join()
	defer d.Stop(false)
	for {
		select {
		case err := <-over:
			return err
		case <-signals:
			runtime.Tell(scheduler, (*execute.Scheduler).Interrupt)
		}
	}
}
