// Command mesos-docker-executor runs the command of a task in a Docker container. Agents start it. If the environment has a
// request for a container ([docker.RequestVariable]), it runs only that, for an executor in a container.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/program"
	"meseta/cmd/internal/program/driver"
	"meseta/runtime"
	"meseta/slave/containerizer/docker"
	"meseta/slave/containerizer/docker/engine"
	"meseta/slave/executor"
	executordocker "meseta/slave/executor/docker"
)

// options holds the values of the flags.
type options struct {
	executordocker.Options
	socket string
	unused struct { // agents of Mesos give these, too
		dir, command string
		timeout      time.Duration
	}
}

func main() {
	set := flags.New("mesos-docker-executor", "run a task in a Docker container; started by agents")
	o, common := bind(set), program.Bind(set)
	set.ParseOrExit(program.Version("mesos-docker-executor"), driver.ExecutorVariables(os.Environ()))
	client := engine.Dial(o.socket)
	if text, found := os.LookupEnv(docker.RequestVariable); found {
		os.Exit(runOnly(client, o.Container, text))
	}
	if text, found := os.LookupEnv(docker.VolumesVariable); found {
		if err := json.Unmarshal([]byte(text), &o.Binds); err != nil {
			fmt.Fprintf(os.Stderr, "mesos-docker-executor: %s: %v\n", docker.VolumesVariable, err)
			os.Exit(1)
		}
	}
	o.Engine = executordocker.Local{Client: client, Stdout: os.Stdout, Stderr: os.Stderr}
	err := driver.RunExecutor(common, func(node *runtime.Node, env executor.Environment) (*executor.Driver, error) {
		return executordocker.Start(node, o.Options, env, executor.Options{})
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "mesos-docker-executor:", err)
		os.Exit(1)
	}
}

// bind binds the flags that agents give to the options.
func bind(set *flags.Set) *options {
	o := &options{}
	set.Bind("container", &o.Container)
	set.Bind("sandbox_directory", &o.Sandbox)
	set.Bind("mapped_directory", &o.Mapped)
	set.Bind("cgroups_enable_cfs", &o.CFS)
	set.Bind("docker_socket", &o.socket)
	set.Bind("default_container_dns", flags.Message(&o.DNS))
	set.Bind("task_environment", flags.Func(func(text string) error { return json.Unmarshal([]byte(text), &o.Environment) }))
	set.Bind("docker", &o.unused.command)
	set.Bind("launcher_dir", &o.unused.dir)
	set.Bind("stop_timeout", &o.unused.timeout)
	return o
}

// runOnly runs a container to its end, and returns its exit status.
func runOnly(client *engine.Client, name, text string) int {
	request := &engine.Create{}
	err := json.Unmarshal([]byte(text), request)
	if err == nil {
		var status int
		if status, err = engine.Run(context.Background(), client, name, request, os.Stdout, os.Stderr, func(*engine.Container) {}); err == nil {
			return status
		}
	}
	fmt.Fprintln(os.Stderr, "mesos-docker-executor:", err)
	return 1
}
