//go:build tools

package mesosgo

// The examples are programs, which nothing imports; here they are named for go.mod.
import (
	_ "github.com/mesos/mesos-go/api/v0/examples/executor"
	_ "github.com/mesos/mesos-go/api/v0/examples/scheduler"
	_ "github.com/mesos/mesos-go/api/v1/cmd/example-executor"
	_ "github.com/mesos/mesos-go/api/v1/cmd/example-scheduler"
	_ "github.com/mesos/mesos-go/api/v1/cmd/msh"
	_ "github.com/mesos/mesos-go/api/v1/cmd/mwatch"
)
