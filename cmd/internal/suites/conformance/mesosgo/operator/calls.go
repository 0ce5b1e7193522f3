package main

import (
	"fmt"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/agent"
	agentcalls "github.com/mesos/mesos-go/api/v1/lib/agent/calls"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/maintenance"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/master/calls"
)

func (o *operator) readsMaster() {
	second := time.Second
	for _, c := range []struct {
		call *master.Call
		want func(*master.Response) bool
	}{
		{calls.GetHealth(), func(r *master.Response) bool { return r.GetHealth.Healthy }},
		{calls.GetFlags(), func(r *master.Response) bool { return len(r.GetFlags.Flags) > 20 }},
		{calls.GetVersion(), func(r *master.Response) bool { return r.GetVersion.VersionInfo.Version != "" }},
		{calls.GetMetrics(&second), func(r *master.Response) bool { return len(r.GetMetrics.Metrics) > 100 }},
		{calls.GetLoggingLevel(), func(r *master.Response) bool { return r.GetLoggingLevel != nil }},
		{calls.GetState(), func(r *master.Response) bool {
			return len(r.GetState.GetTasks.Tasks) == 1 && len(r.GetState.GetAgents.Agents) > 0 && len(r.GetState.GetFrameworks.Frameworks) == 1
		}},
		{calls.GetAgents(), func(r *master.Response) bool {
			return r.GetAgents.Agents[0].Active && len(r.GetAgents.Agents[0].TotalResources) > 3
		}},
		{calls.GetFrameworks(), func(r *master.Response) bool { return r.GetFrameworks.Frameworks[0].Connected }},
		{calls.GetExecutors(), func(r *master.Response) bool { return r.GetExecutors != nil }},
		{calls.GetOperations(), func(r *master.Response) bool { return r.GetOperations != nil }},
		{calls.GetTasks(), func(r *master.Response) bool { return r.GetTasks.Tasks[0].TaskID.Value == "seen" }},
		{calls.GetRoles(), func(r *master.Response) bool { return r.GetRoles.Roles[0].Name == "*" }},
		{calls.GetWeights(), func(r *master.Response) bool { return r.GetWeights == nil }},
		{calls.GetMaster(), func(r *master.Response) bool { return r.GetMaster.MasterInfo.PID != nil }},
		{calls.GetMaintenanceStatus(), func(r *master.Response) bool { return len(r.GetMaintenanceStatus.Status.DrainingMachines) == 0 }},
		{calls.GetMaintenanceSchedule(), func(r *master.Response) bool { return len(r.GetMaintenanceSchedule.Schedule.Windows) == 0 }},
	} {
		if c.call.Type == master.Call_GET_MASTER && o.codec.Name == codecs.NameJSON {
			continue // its JSON refuses what Mesos 1.12 says there, a capability that is younger than it
		}
		r, err := o.toMaster(c.call)
		o.check("master", c.call.Type, err, err == nil && c.want(r))
	}
}

// changesMaster makes changes and takes them back.
func (o *operator) changesMaster() {
	role, host := "heavy", "nobody.invalid"
	machine := mesos.MachineID{Hostname: &host}
	window := maintenance.Window{
		MachineIDs:     []mesos.MachineID{machine},
		Unavailability: mesos.Unavailability{Start: mesos.TimeInfo{Nanoseconds: 1}},
	}
	do := func(call *master.Call, verify *master.Call, want func(*master.Response) bool) {
		answer, err := o.master.Send(o.ctx, calls.NonStreaming(call))
		if err != nil {
			o.check("master", call.Type, fmt.Errorf("master %s: %w", call.Type, err), false)
			return
		}
		if answer != nil {
			answer.Close()
		}
		r, err := o.toMaster(verify)
		o.check("master", call.Type, err, err == nil && want(r))
	}
	do(calls.SetLoggingLevel(1, time.Minute), calls.GetLoggingLevel(), func(r *master.Response) bool { return r.GetLoggingLevel.Level == 1 })
	do(calls.UpdateWeights(mesos.WeightInfo{Weight: 2.5, Role: &role}), calls.GetWeights(), func(r *master.Response) bool {
		return len(r.GetWeights.WeightInfos) == 1 && r.GetWeights.WeightInfos[0].Weight == 2.5
	})
	do(calls.UpdateMaintenanceSchedule(maintenance.Schedule{Windows: []maintenance.Window{window}}), calls.GetMaintenanceSchedule(),
		func(r *master.Response) bool { return len(r.GetMaintenanceSchedule.Schedule.Windows) == 1 })
	do(calls.StartMaintenance(machine), calls.GetMaintenanceStatus(),
		func(r *master.Response) bool { return len(r.GetMaintenanceStatus.Status.DownMachines) == 1 })
	do(calls.StopMaintenance(machine), calls.GetMaintenanceStatus(),
		func(r *master.Response) bool { return len(r.GetMaintenanceStatus.Status.DownMachines) == 0 })
}

// toAgent makes a call that is answered.
func (o *operator) toAgent(call *agent.Call) (*agent.Response, error) {
	r := &agent.Response{}
	answer, err := o.agent.Send(o.ctx, agentcalls.NonStreaming(call))
	if err == nil {
		defer answer.Close()
		err = answer.Decode(r)
	}
	if err == nil && r.Type.String() != call.Type.String() {
		err = fmt.Errorf("answered with %s", r.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("agent %s: %w", call.Type, err)
	}
	return r, nil
}

func (o *operator) readsAgent() {
	second := time.Second
	var sandbox string
	ask := func(call *agent.Call, want func(*agent.Response) bool) {
		r, err := o.toAgent(call)
		o.check("agent", call.Type, err, err == nil && want(r))
	}
	ask(agentcalls.GetHealth(), func(r *agent.Response) bool { return r.GetHealth.Healthy })
	ask(agentcalls.GetFlags(), func(r *agent.Response) bool { return len(r.GetFlags.Flags) > 20 })
	ask(agentcalls.GetVersion(), func(r *agent.Response) bool { return r.GetVersion.VersionInfo.Version != "" })
	ask(agentcalls.GetMetrics(&second), func(r *agent.Response) bool { return len(r.GetMetrics.Metrics) > 20 })
	ask(agentcalls.GetLoggingLevel(), func(r *agent.Response) bool { return r.GetLoggingLevel != nil })
	ask(agentcalls.GetState(), func(r *agent.Response) bool { return len(r.GetState.GetTasks.LaunchedTasks) == 1 })
	ask(agentcalls.GetFrameworks(), func(r *agent.Response) bool { return len(r.GetFrameworks.Frameworks) == 1 })
	ask(agentcalls.GetExecutors(), func(r *agent.Response) bool { return len(r.GetExecutors.Executors) == 1 })
	ask(agentcalls.GetTasks(), func(r *agent.Response) bool { return r.GetTasks.LaunchedTasks[0].TaskID.Value == "seen" })
	ask(agentcalls.GetAgent(), func(r *agent.Response) bool { return r.GetAgent.AgentInfo.Hostname != "" })
	ask(agentcalls.GetOperations(), func(r *agent.Response) bool { return r.GetOperations != nil })
	ask(agentcalls.GetContainers(), func(r *agent.Response) bool {
		if len(r.GetContainers.Containers) != 1 {
			return false
		}
		c := r.GetContainers.Containers[0]
		sandbox = "/frameworks/" + c.FrameworkID.Value + "/executors/" + c.ExecutorID.Value + "/runs/latest"
		return c.ContainerStatus != nil
	})
	ask(agentcalls.ListFiles(sandbox), func(r *agent.Response) bool {
		for _, f := range r.ListFiles.FileInfos {
			if strings.HasSuffix(f.Path, "/stdout") {
				return true
			}
		}
		return false
	})
	ask(agentcalls.ReadFileWithLength(sandbox+"/stdout", 0, 1<<16), func(r *agent.Response) bool {
		return strings.Contains(string(r.ReadFile.Data), "said\n")
	})
}

// entersContainer runs a command beside the task, and one that is killed.
func (o *operator) entersContainer(parent mesos.ContainerID) {
	for command, status := range map[string]int32{"exit 3": 3 << 8, "sleep 1000": 9} {
		id := mesos.ContainerID{Value: fmt.Sprint("ends-with-", status), Parent: &parent}
		launch := agentcalls.LaunchContainer(id, &mesos.CommandInfo{Value: &command}, nil, nil)
		todo := []*agent.Call{launch}
		if status == 9 {
			todo = append(todo, agentcalls.KillContainer(id))
		}
		for _, call := range todo {
			answer, err := o.agent.Send(o.ctx, agentcalls.NonStreaming(call))
			if answer != nil {
				answer.Close()
			}
			o.check("agent", call.Type, err, true)
		}
		r, err := o.toAgent(agentcalls.WaitContainer(id))
		o.check("agent", agent.Call_WAIT_CONTAINER, err, err == nil && r.WaitContainer.ExitStatus != nil && *r.WaitContainer.ExitStatus == status)
		remove := agentcalls.RemoveContainer(id)
		answer, err := o.agent.Send(o.ctx, agentcalls.NonStreaming(remove))
		if answer != nil {
			answer.Close()
		}
		o.check("agent", remove.Type, err, true)
	}
}
