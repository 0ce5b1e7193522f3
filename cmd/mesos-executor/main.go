// Command mesos-executor runs the command of a task that brought no executor of its own. Agents start it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/daemon"
	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/peer"
	"meseta/messages/mesospb"
	"meseta/slave/executor"
	"meseta/slave/executor/command"
)

func main() {
	set := flags.New("mesos-executor", "run the command of one task; started by agents")
	options := bind(set)
	// The environment is the agent's way to tell the driver, not us: MESOS_… in it are no flags.
	if _, err := set.Parse(os.Args[1:], nil); err != nil {
		leave(set, err)
	}
	if err := run(*options); err != nil {
		fmt.Fprintln(os.Stderr, "mesos-executor:", err)
		os.Exit(1)
	}
}

// leave answers a command line that does not ask to run.
func leave(set *flags.Set, err error) {
	switch {
	case errors.Is(err, flags.ErrHelp):
		fmt.Print(set.Help())
		os.Exit(0)
	case errors.Is(err, flags.ErrVersion):
		fmt.Println(daemon.Version("mesos-executor"))
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, "mesos-executor:", err)
	os.Exit(1)
}

func run(options command.Options) error {
	env, err := executor.ParseEnvironment(os.LookupEnv)
	if err != nil {
		return err
	}
	node, err := peer.Listen(os.LookupEnv, env.Agent.Addr, peer.Log(os.Stderr, false, os.Getenv("MESOS_LOGGING_LEVEL")))
	if err != nil {
		return err
	}
	var line executor.Options
	if os.Getenv("MESOS_HTTP_COMMAND_EXECUTOR") == "1" {
		line.HTTP = executor.NewHTTP(env)
	}
	d, err := command.Start(node, command.New(options), env, line)
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

// bind makes the flags that agents give set the options.
func bind(set *flags.Set) *command.Options {
	o := &command.Options{Inherited: os.Environ()}
	var launcherDir string // where Mesos's other programs are: ours needs none
	set.Bind("launcher_dir", &launcherDir)
	set.Bind("user", &o.User)
	set.Bind("working_directory", &o.WorkingDirectory)
	set.Bind("task_command", flags.Func(func(text string) error {
		o.Command = &mesospb.CommandInfo{}
		return read(text, o.Command)
	}))
	set.Bind("task_environment", flags.Func(func(text string) error {
		o.Environment = &mesospb.Environment{}
		return read(text, o.Environment)
	}))
	return o
}

// read takes JSON.
func read(text string, to proto.Message) error {
	return (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(text), to)
}
