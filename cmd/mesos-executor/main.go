// Command mesos-executor runs the command of a task that brought no executor of its own. Agents start it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/peer"
	"meseta/messages/mesospb"
	"meseta/slave/executor"
	"meseta/slave/executor/command"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mesos-executor:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	options, err := parse(args)
	if err != nil {
		return err
	}
	env, err := executor.ParseEnvironment(os.LookupEnv)
	if err != nil {
		return err
	}
	node, err := peer.Listen(os.LookupEnv, env.Agent.Addr, peer.Log(os.Stderr, false, os.Getenv("MESOS_LOGGING_LEVEL")))
	if err != nil {
		return err
	}
	d, err := command.Start(node, command.New(options), env, executor.Options{})
	if err != nil {
		return err
	}
	status := d.Join()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := node.Close(ctx); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	if status != executor.Stopped {
		return fmt.Errorf("the driver is %s", status)
	}
	return nil
}

// parse reads the flags that agents give.
func parse(args []string) (command.Options, error) {
	o := command.Options{Inherited: os.Environ()}
	f := flag.NewFlagSet("mesos-executor", flag.ContinueOnError)
	f.String("launcher_dir", "", "where Mesos's other programs are; not needed")
	f.StringVar(&o.User, "user", "", "who runs the command")
	f.StringVar(&o.WorkingDirectory, "working_directory", "", "where the command runs")
	taskCommand := f.String("task_command", "", "CommandInfo as JSON, to run instead of the task's")
	taskEnvironment := f.String("task_environment", "", "Environment as JSON, added to what the command inherits")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.Command, o.Environment = &mesospb.CommandInfo{}, &mesospb.Environment{}
	return o, errors.Join(
		message("task_command", *taskCommand, &o.Command),
		message("task_environment", *taskEnvironment, &o.Environment))
}

// message reads JSON into *to; without text, *to becomes nil.
func message[M proto.Message](name, text string, to *M) error {
	if text == "" {
		var none M
		*to = none
		return nil
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(text), *to); err != nil {
		return fmt.Errorf("--%s: %w", name, err)
	}
	return nil
}
