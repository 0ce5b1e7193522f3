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
	// not impress. Empty: run for ever.
	Program  string
	CPUs     float64       // 0: 1
	Memory   float64       // in MB; 0: 64
	Executor string        // the framework's own executor that runs it; empty: the command executor
	Grace    time.Duration // between SIGTERM and SIGKILL; 0: the executor's default; [NoGrace]: none
	On       ids.Agent     // the only agent that will do; empty: any
}

// NoGrace is the grace of a job that is killed at once.
const NoGrace time.Duration = -1

// executorNeeds is what a framework's own executor needs beside its tasks.
const executorNeeds = "cpus:0.1;mem:32"

func (j Job) cpus() float64   { return cmp.Or(j.CPUs, 1) }
func (j Job) memory() float64 { return cmp.Or(j.Memory, 64) }

// info is the job as a task on agent, on resources allocated to role.
func (j Job) info(f *mesospb.FrameworkInfo, agent *mesospb.SlaveID, role string) *mesospb.TaskInfo {
	t := &mesospb.TaskInfo{
		Name: &j.ID, TaskId: &mesospb.TaskID{Value: &j.ID}, SlaveId: agent,
		Resources: []*mesospb.Resource{scalar("cpus", j.cpus()), scalar("mem", j.memory())},
	}
	if j.Grace != 0 {
		t.KillPolicy = &mesospb.KillPolicy{GracePeriod: &mesospb.DurationInfo{Nanoseconds: proto.Int64(max(0, int64(j.Grace)))}}
	}
	if j.Executor == "" {
		t.Command = &mesospb.CommandInfo{Value: proto.String(cmp.Or(j.Program, "sleep infinity"))}
		return t
	}
	needs, err := resources.Parse(executorNeeds, role)
	if err != nil {
		panic(err) // it is a constant
	}
	t.Data = []byte(j.Program)
	t.Executor = &mesospb.ExecutorInfo{
		ExecutorId: &mesospb.ExecutorID{Value: &j.Executor}, FrameworkId: f.GetId(),
		Command: &mesospb.CommandInfo{Value: proto.String("./executor")}, Resources: needs.Unreserved().Proto(),
	}
	return t
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
	if j.Executor != "" { // which may have to be started
		left.cpus, left.memory = left.cpus-0.1, left.memory-32
	}
	if left.cpus < 0 || left.memory < 0 {
		return false
	}
	*r = left
	return true
}
