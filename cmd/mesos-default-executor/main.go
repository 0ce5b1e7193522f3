// Command mesos-default-executor runs task groups, each task in a container of its own. Agents start it.
package main

import (
	"fmt"
	"net"
	"os"

	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/program"
	"meseta/cmd/internal/program/driver"
	"meseta/runtime"
	"meseta/slave/executor"
	"meseta/slave/executor/pod"
)

func main() {
	set := flags.New("mesos-default-executor", "run groups of tasks; started by agents")
	common := program.Bind(set)
	var launcherDir string // the directory of Mesos's other programs, which this one does not need
	set.Bind("launcher_dir", &launcherDir)
	set.ParseOrExit(program.Version("mesos-default-executor"), driver.ExecutorVariables(os.Environ()))
	err := driver.RunExecutor(common, func(node *runtime.Node, env executor.Environment) (*executor.Driver, error) {
		return start(node, env, executor.NewHTTP(env, common.TLS.Transport()))
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "mesos-default-executor:", err)
		os.Exit(1)
	}
}

func start(node *runtime.Node, env executor.Environment, agent executor.HTTP) (*executor.Driver, error) {
	ip, _, err := net.SplitHostPort(node.Addr())
	if err != nil {
		return nil, err
	}
	x := pod.New(pod.Options{HTTP: agent, Sandbox: os.Getenv("MESOS_SANDBOX"), Address: ip})
	return pod.Start(node, x, env, executor.Options{})
}
