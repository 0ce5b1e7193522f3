// Command mesos-execute runs one command, or a group of tasks, on a Mesos cluster, prints what becomes of it, and exits
// with its success.
//
//	mesos-execute --master=127.0.0.1:5050 --name=hello --command='echo hello'
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"meseta/cmd/internal/daemon"
	"meseta/cmd/internal/execute"
	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/peer"
	"meseta/runtime"
)

// goodbye is how long what is still to be said at the end may take.
const goodbye = 5 * time.Second

func main() {
	set := flags.New("mesos-execute", "run one command on a cluster")
	o := bind(set)
	set.ParseOrExit(daemon.Version("mesos-execute"))
	for _, w := range set.Warnings() {
		fmt.Fprintln(os.Stderr, "mesos-execute:", w)
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "mesos-execute:", err)
		os.Exit(1)
	}
}

// run runs the tasks to their end. The first signal kills them, the second leaves them to the master.
func run(o *options) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	node, err := peer.Listen(os.LookupEnv, o.master, peer.Log(os.Stderr, isatty.IsTerminal(os.Stderr.Fd()), "WARNING"))
	if err != nil {
		return err
	}
	defer leave(node)
	over := make(chan error, 1)
	scheduler, d, err := execute.Start(node, o.framework(), o.master, execute.Config{
		Tasks: o.tasks, Group: o.group, Role: o.role, KillAfter: o.killAfter, Out: os.Stdout, Over: func(err error) { over <- err },
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

// leave sends what is queued and ends the node.
func leave(node *runtime.Node) {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	if err := node.Close(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "mesos-execute: close:", err)
	}
}
