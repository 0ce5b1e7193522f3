// Command mesos-mapreduce runs MapReduce jobs over text on a Mesos cluster.
//
//	mesos-mapreduce --master=127.0.0.1:5050 --job=wordcount --input=/usr/share/doc
//
// It is framework and executor in one: agents start it as "mesos-mapreduce executor".
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"meseta/cmd/internal/daemon"
	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/mapreduce"
	"meseta/cmd/internal/mapreduce/console"
	"meseta/cmd/internal/mapreduce/tasktracker"
	"meseta/cmd/internal/peer"
	"meseta/runtime"
	"meseta/slave/executor"
)

// goodbye is how long what is still to be said at the end may take.
const goodbye = 5 * time.Second

func main() {
	var err error
	if len(os.Args) == 2 && os.Args[1] == "executor" {
		err = runExecutor()
	} else {
		set := flags.New("mesos-mapreduce", "run MapReduce jobs over text on a cluster")
		o := bind(set)
		set.ParseOrExit(daemon.Version("mesos-mapreduce"))
		err = runFramework(o)
	}
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "mesos-mapreduce: interrupted")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "mesos-mapreduce:", err)
		os.Exit(1)
	}
}

// runFramework runs jobs to their end.
func runFramework(o *options) error {
	config, err := o.config()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	terminal := isatty.IsTerminal(os.Stdout.Fd())
	node, err := peer.Listen(os.LookupEnv, o.master, peer.Log(os.Stderr, isatty.IsTerminal(os.Stderr.Fd()), "WARNING"))
	if err != nil {
		return err
	}
	defer leave(node)
	display := console.New(os.Stdout, terminal)
	over := make(chan mapreduce.Result, 1)
	config.Progress = display.Progress
	config.Over = func(r mapreduce.Result) { over <- r }
	d, err := mapreduce.Start(node, o.framework(), o.master, config)
	if err != nil {
		return err
	}
	defer d.Join()
	defer d.Stop(false)
	select {
	case r := <-over:
		display.Close()
		return errors.Join(r.Err, console.Summary(os.Stdout, r))
	case <-ctx.Done():
		display.Close()
		return ctx.Err()
	}
}

// runExecutor runs tasks until the agent or the framework has had enough.
func runExecutor() error {
	env, err := executor.ParseEnvironment(os.LookupEnv)
	if err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	node, err := peer.Listen(os.LookupEnv, env.Agent.Addr, peer.Log(os.Stderr, false, "INFO"))
	if err != nil {
		return err
	}
	defer leave(node)
	d, err := tasktracker.Start(node, dir, env, executor.Options{})
	if err != nil {
		return err
	}
	if status := d.Join(); status != executor.Stopped {
		return fmt.Errorf("the driver is %s", status)
	}
	return nil
}

// leave sends what is queued and ends the node.
func leave(node *runtime.Node) {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	if err := node.Close(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "mesos-mapreduce: close:", err)
	}
}
