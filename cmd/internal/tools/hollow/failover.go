package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/runtime"
)

// reregister registers a again with a master that took over, which counts for g. It asks again after retry until it is answered, unless retry is 0.
func (a *agent) reregister(g *goal, retry time.Duration) {
	a.again = g
	a.Send(a.master, a.reregistration())
	if retry > 0 {
		a.Delay(retry, func() {
			if a.again == g {
				a.reregister(g, retry)
			}
		})
	}
}

// reregistration returns the message by which a tells a new master what it runs.
func (a *agent) reregistration() *internalpb.ReregisterSlaveMessage {
	msg := &internalpb.ReregisterSlaveMessage{
		Slave: a.info(), Version: proto.String("1.12.0"), AgentCapabilities: declared,
	}
	for _, f := range a.known {
		msg.Frameworks = append(msg.Frameworks, f)
	}
	for _, t := range a.tasks {
		if !tasks.IsTerminal(t.state) {
			msg.Tasks = append(msg.Tasks, t.described())
		}
	}
	slices.SortFunc(msg.Tasks, func(x, y *mesospb.Task) int { return strings.Compare(x.TaskId.GetValue(), y.TaskId.GetValue()) })
	return msg
}

// described returns t as agents report it.
func (t *task) described() *mesospb.Task {
	described := tasks.New(t.info, t.state, ids.FrameworkOf(t.framework))
	described.Statuses = []*mesospb.TaskStatus{t.last}
	described.StatusUpdateState, described.StatusUpdateUuid = t.state.Enum(), t.uuid.Bytes()
	return described
}

func (a *agent) reregistered(_ runtime.PID, msg *internalpb.SlaveReregisteredMessage) {
	if a.again != nil && a.id.GetValue() == msg.GetSlaveId().GetValue() {
		g := a.again
		a.again = nil
		g.add()
	}
}

// failOver replaces the master, and measures how fast the new one takes all agents with their tasks back.
func (t *trial) failOver(ctx context.Context) error {
	if err := t.master.replace(ctx); err != nil {
		return err
	}
	if t.profile != "" {
		if err := t.master.startProfile(ctx); err != nil {
			return err
		}
	}
	first := newGoal("masters lead again", 1)
	runtime.Tell(t.agentRefs[0], func(a *agent) { a.reregister(first, time.Second/10) })
	if err := t.await(ctx, first); err != nil {
		return err
	}
	back := newGoal("agents re-registered", t.agents-1)
	began, worked := t.now(), t.master.worked()
	for _, ref := range t.agentRefs[1:] {
		runtime.Tell(ref, func(a *agent) { a.reregister(back, 0) })
	}
	if err := t.await(ctx, back); err != nil {
		return err
	}
	t.report("agents taken back", "agent taken back", t.agents-1, began, worked)
	now, _ := t.master.memory()
	t.figure("memory of the new master", now, "MB")
	return nil
}
