// Command mesos-default-executor runs groups of tasks, each task in a container of its own. Agents start it.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"meseta/cmd/internal/daemon"
	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/peer"
	"meseta/slave/executor"
	"meseta/slave/executor/pod"
)

func main() {
	set := flags.New("mesos-default-executor", "run groups of tasks; started by agents")
	var launcherDir string // where Mesos's other programs are: ours needs none
	set.Bind("launcher_dir", &launcherDir)
	// The environment is the agent's way to tell the driver, not us: MESOS_… in it are no flags.
	_, err := set.Parse(os.Args[1:], nil)
	switch {
	case errors.Is(err, flags.ErrHelp):
		fmt.Print(set.Help())
		return
	case errors.Is(err, flags.ErrVersion):
		fmt.Println(daemon.Version("mesos-default-executor"))
		return
	case err == nil:
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mesos-default-executor:", err)
		os.Exit(1)
	}
}

func run() error {
	env, err := executor.ParseEnvironment(os.LookupEnv)
	if err != nil {
		return err
	}
	node, err := peer.Listen(os.LookupEnv, env.Agent.Addr, peer.Log(os.Stderr, false, os.Getenv("MESOS_LOGGING_LEVEL")))
	if err != nil {
		return err
	}
	ip, _, err := net.SplitHostPort(node.Addr())
	if err != nil {
		return err
	}
	x := pod.New(pod.Options{HTTP: executor.NewHTTP(env), Sandbox: os.Getenv("MESOS_SANDBOX"), Address: ip})
	d, err := pod.Start(node, x, env, executor.Options{})
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
