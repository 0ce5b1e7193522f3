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

	"github.com/mattn/go-isatty"

	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/program"
	"meseta/cmd/internal/program/driver"
	"meseta/cmd/mesos-mapreduce/mapreduce"
	"meseta/cmd/mesos-mapreduce/mapreduce/console"
	"meseta/cmd/mesos-mapreduce/mapreduce/tasktracker"
	"meseta/runtime"
	"meseta/slave/executor"
)

func main() {
	set := flags.New("mesos-mapreduce", "run MapReduce jobs over text on a cluster")
	var err error
	if len(os.Args) == 2 && os.Args[1] == "executor" {
		err = runExecutor(set)
	} else {
		err = runFramework(set)
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
func runFramework(set *flags.Set) error {
	set.Default("logging_level", "WARNING") // standard error is for what becomes of the jobs
	o, common := bind(set), program.Bind(set)
	set.ParseOrExit(program.Version("mesos-mapreduce"), os.Environ())
	config, err := o.config()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return driver.Run(common, o.master, func(node *runtime.Node) error { return o.run(ctx, node, config) })
}

func (o *options) run(ctx context.Context, node *runtime.Node, config mapreduce.Config) error {
	display := console.New(os.Stdout, isatty.IsTerminal(os.Stdout.Fd()))
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
func runExecutor(set *flags.Set) error {
	common := program.Bind(set)
	if _, err := set.Parse(nil, driver.ExecutorVariables(os.Environ())); err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	return driver.RunExecutor(common, func(node *runtime.Node, env executor.Environment) (*executor.Driver, error) {
		return tasktracker.Start(node, dir, env, executor.Options{})
	})
}
