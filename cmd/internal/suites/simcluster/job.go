package simcluster

import (
	"cmp"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// Job is a task that a framework wants to run.
type Job struct {
	ID string
	// Program is what the task does: "sleep 10", "sleep 10; exit 1", "trap '' TERM; sleep 10" for one that SIGTERM does
	// not impress. Empty: run without end.
	Program  string
	CPUs     float64       // 0: 1
	Memory   float64       // in MB; 0: 64
	Executor string        // the framework's own executor that runs it; empty: the command executor
	Grace    time.Duration // between SIGTERM and SIGKILL; 0: the executor's default; [NoGrace]: none
	On       ids.Agent     // the only agent that will do; empty: any
	// Pod is the executor of Mesos that runs the job, beside others, in place of Executor; empty: none does. It is for the
	// jobs that are launched with it only.
	Pod    string
	Beside []Job // what runs in the pod too: one group
}

// place is where a job runs: on resources of an agent that are allocated to a role of the framework.
type place struct {
	framework *mesospb.FrameworkInfo
	agent     *mesospb.SlaveID
	role      string
}

// ids are those of the job's tasks.
func (j Job) ids() []ids.Task {
	all := []ids.Task{ids.Task(j.ID)}
	for _, b := range j.Beside {
		all = append(all, ids.Task(b.ID))
	}
	return all
}

// NoGrace is the grace of a job that is killed at once.
const NoGrace time.Duration = -1

// executorNeeds is what a framework's own executor needs beside its tasks.
const executorNeeds = "cpus:0.1;mem:32"

func (j Job) cpus() float64   { return cmp.Or(j.CPUs, 1) }
func (j Job) memory() float64 { return cmp.Or(j.Memory, 64) }

// info is the job as a task.
func (j Job) info(at place) *mesospb.TaskInfo {
	t := &mesospb.TaskInfo{
		Name: &j.ID, TaskId: &mesospb.TaskID{Value: &j.ID}, SlaveId: at.agent,
		Resources: []*mesospb.Resource{scalar("cpus", j.cpus()), scalar("mem", j.memory())},
	}
	if j.Grace != 0 {
		t.KillPolicy = &mesospb.KillPolicy{GracePeriod: &mesospb.DurationInfo{Nanoseconds: proto.Int64(max(0, int64(j.Grace)))}}
	}
	if j.Executor == "" {
		t.Command = &mesospb.CommandInfo{Value: proto.String(cmp.Or(j.Program, "sleep infinity"))}
		return t
	}
	t.Data = []byte(j.Program)
	t.Executor = &mesospb.ExecutorInfo{
		ExecutorId: &mesospb.ExecutorID{Value: &j.Executor}, FrameworkId: at.framework.GetId(),
		Command: &mesospb.CommandInfo{Value: proto.String("./executor")}, Resources: at.executorNeeds(),
	}
	return t
}

func (at place) executorNeeds() []*mesospb.Resource {
	needs, err := resources.Parse(executorNeeds, at.role)
	if err != nil {
		panic(err) // it is a constant
	}
	return needs.Unreserved().Proto()
}

// taskVariable names the task in the environment of what a pod runs.
const taskVariable = "TASK"

// group launches the job and those beside it.
func (j Job) group(at place) *mesospb.Offer_Operation {
	group := &mesospb.TaskGroupInfo{}
	for _, of := range append([]Job{j}, j.Beside...) {
		t := of.info(at)
		t.Command.Environment = &mesospb.Environment{Variables: []*mesospb.Environment_Variable{{
			Name: proto.String(taskVariable), Value: proto.String(of.ID),
		}}}
		group.Tasks = append(group.Tasks, t)
	}
	return &mesospb.Offer_Operation{
		Type: mesospb.Offer_Operation_LAUNCH_GROUP.Enum(), LaunchGroup: &mesospb.Offer_Operation_LaunchGroup{
			TaskGroup: group, Executor: &mesospb.ExecutorInfo{
				Type: mesospb.ExecutorInfo_DEFAULT.Enum(), ExecutorId: &mesospb.ExecutorID{Value: &j.Pod},
				FrameworkId: at.framework.GetId(), Resources: append(at.executorNeeds(), scalar("disk", 1)),
			},
		},
	}
}

func scalar(name string, amount float64) *mesospb.Resource {
	return &mesospb.Resource{
		Name: &name, Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: &amount},
	}
}

// room is what is left of an offer.
type room struct{ cpus, memory float64 }

func roomIn(rs []*mesospb.Resource) (r room) {
	for _, resource := range rs {
		switch resource.GetName() {
		case "cpus":
			r.cpus += resource.GetScalar().GetValue()
		case "mem":
			r.memory += resource.GetScalar().GetValue()
		}
	}
	return r
}

// take makes room for j, if there is.
func (r *room) take(j Job) bool {
	left := room{r.cpus - j.cpus(), r.memory - j.memory()}
	for _, b := range j.Beside {
		left.cpus, left.memory = left.cpus-b.cpus(), left.memory-b.memory()
	}
	if j.Executor != "" || j.Pod != "" { // which may have to be started
		left.cpus, left.memory = left.cpus-0.1, left.memory-32
	}
	if left.cpus < 0 || left.memory < 0 {
		return false
	}
	*r = left
	return true
}
