// Command operator looks into a cluster with mesos-go's clients of the operator APIs: it makes each call that reads, and
// those that change and can be taken back, of the master and of an agent on which a task runs. It prints a line for each
// call, and ends with 1 if one failed or answered something else than was asked.
//
//	operator -codec=json 127.0.0.1:5050
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	agentcalls "github.com/mesos/mesos-go/api/v1/lib/agent/calls"
	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpagent"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpmaster"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/master/calls"
)

func main() {
	codec := flag.String("codec", "protobuf", "protobuf or json")
	flag.Parse()
	o := &operator{codec: codecs.ByMediaType[codecs.MediaTypeProtobuf]}
	if *codec == "json" {
		o.codec = codecs.ByMediaType[codecs.MediaTypeJSON]
	}
	var cancel context.CancelFunc
	o.ctx, cancel = context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	o.master = httpmaster.NewSender(o.client(flag.Arg(0)).Send)
	task := exec.CommandContext(o.ctx, "mesos-execute", "--master="+flag.Arg(0), "--name=seen",
		"--command=echo said; exec sleep 1000", "--resources=cpus:0.1;mem:32")
	err := task.Start()
	if err == nil {
		err = o.run()
		_ = task.Process.Signal(os.Interrupt) // it may have ended, which o.run tells
		_ = task.Wait()                       // says that it was interrupted
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// operator is a client of a cluster.
type operator struct {
	ctx    context.Context
	codec  encoding.Codec
	master calls.Sender
	agent  agentcalls.Sender
	failed []error
}

func (o *operator) client(address string) *httpcli.Client {
	return httpcli.New(httpcli.Endpoint("http://"+address+"/api/v1"), httpcli.Codec(o.codec))
}

func (o *operator) run() error {
	task, err := o.waitForTask()
	if err != nil {
		return err
	}
	address, err := o.addressOf(task.AgentID)
	if err != nil {
		return err
	}
	o.agent = httpagent.NewSender(o.client(address).Send)
	o.readsMaster()
	o.changesMaster()
	o.readsAgent()
	o.entersContainer(*task.Statuses[len(task.Statuses)-1].ContainerStatus.ContainerID)
	return errors.Join(o.failed...)
}

// waitForTask asks for the task until it runs.
func (o *operator) waitForTask() (*mesos.Task, error) {
	for o.ctx.Err() == nil {
		r, err := o.toMaster(calls.GetTasks())
		if err != nil {
			return nil, err
		}
		for _, task := range r.GetTasks.Tasks {
			if task.State != nil && *task.State == mesos.TASK_RUNNING {
				return &task, nil
			}
		}
	}
	return nil, errors.New("the task never ran")
}

func (o *operator) addressOf(id mesos.AgentID) (string, error) {
	r, err := o.toMaster(calls.GetAgents())
	if err != nil {
		return "", err
	}
	for _, a := range r.GetAgents.Agents {
		if a.AgentInfo.ID.Value == id.Value && a.PID != nil {
			return (*a.PID)[strings.IndexByte(*a.PID, '@')+1:], nil
		}
	}
	return "", fmt.Errorf("the master does not know agent %s", id.Value)
}

// toMaster makes a call that is answered.
func (o *operator) toMaster(call *master.Call) (*master.Response, error) {
	r := &master.Response{}
	answer, err := o.master.Send(o.ctx, calls.NonStreaming(call))
	if err == nil {
		defer answer.Close()
		err = answer.Decode(r)
	}
	if err == nil && r.Type.String() != call.Type.String() {
		err = fmt.Errorf("answered with %s", r.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("master %s: %w", call.Type, err)
	}
	return r, nil
}

// check notes what came of a call.
func (o *operator) check(who string, call fmt.Stringer, err error, asExpected bool) {
	if err == nil && !asExpected {
		err = fmt.Errorf("%s %s: not what was expected", who, call)
	}
	if err != nil {
		o.failed = append(o.failed, err)
		return
	}
	fmt.Println(who, call, "ok")
}
