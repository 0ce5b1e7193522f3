package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	goruntime "runtime"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/runtime"
)

// reregister registers a again with a master that took over, which counts for g. It asks again after retry until it is answered, unless retry is 0.
func (a *agent) reregister(g *goal, retry time.Duration) {
	a.again = g
	if a.prepared == nil {
		a.prepared = a.reregistration()
	}
	a.Send(a.master, a.prepared)
	a.prepared = nil
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
	described := tasks.New(t.info, t.state, t.framework)
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
	_, most := t.master.memory()
	t.figure("memory of the master that launched them, most", most, "MB")
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
	if err := t.prepare(ctx); err != nil {
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
	return t.compareTasks(ctx)
}

// prepare lets the agents make and encode the messages by which they re-register. On real machines they do so beside each other, and do
// not keep the master waiting.
func (t *trial) prepare(ctx context.Context) error {
	ready := newGoal("agents are ready", t.agents-1)
	for _, ref := range t.agentRefs[1:] {
		runtime.Tell(ref, func(a *agent) {
			a.prepared = a.reregistration()
			if err := encodeTasks(a.prepared); err != nil {
				a.tally.fail("agent %s: %v", a.id.GetValue(), err)
			}
			ready.add()
		})
	}
	if err := t.await(ctx, ready); err != nil {
		return err
	}
	goruntime.GC() // now rather than while they are sent
	return nil
}

// encodeTasks encodes the tasks of msg, which is sent as it was, but with less work: for it, they are a field that it does not know.
func encodeTasks(msg *internalpb.ReregisterSlaveMessage) error {
	const field = 3
	var all []byte
	for _, t := range msg.Tasks {
		b, err := t.MarshalVT()
		if err != nil {
			return err
		}
		all = protowire.AppendBytes(protowire.AppendTag(all, field, protowire.BytesType), b)
	}
	msg.Tasks = nil
	msg.ProtoReflect().SetUnknown(all)
	return nil
}

// detector tells the agents of its node who leads, as the agents of a real cluster detect it.
type detector struct {
	runtime.Actor
	election.Detector
	leads func(runtime.PID)
}

// Initialize implements [runtime.Initializer].
func (d *detector) Initialize() { d.detect(nil) }

func (d *detector) detect(previous *mesospb.MasterInfo) {
	runtime.Await(d, d.Detect(previous), func(leader *mesospb.MasterInfo, err error) {
		if err != nil {
			return // the trial is over
		}
		if leader != nil {
			d.leads(election.PID(leader))
		}
		d.detect(leader)
	})
}

// follow lets every node detect the leader of the group, and waits for the first.
func (t *trial) follow(ctx context.Context) error {
	t.leaders = make(chan runtime.PID, 64)
	for i, node := range t.nodes {
		found, err := election.Parse(ctx, node, t.master.Master, election.Options{})
		if err != nil {
			return err
		}
		leads := func(leader runtime.PID) { t.leaders <- leader }
		if i < t.options.nodes {
			leads = func(leader runtime.PID) { t.tell(i, leader) }
		}
		if _, err := runtime.Spawn(node, "detector", &detector{Detector: found, leads: leads}); err != nil {
			return err
		}
	}
	leader, err := t.nextLeader(ctx, runtime.PID{})
	if err != nil {
		return err
	}
	return t.master.observe(leader.Addr)
}

// nextLeader waits for a leader other than previous.
func (t *trial) nextLeader(ctx context.Context, previous runtime.PID) (runtime.PID, error) {
	for {
		select {
		case leader := <-t.leaders:
			if leader != previous {
				return leader, nil
			}
		case <-ctx.Done():
			return runtime.PID{}, fmt.Errorf("no master leads: %w", ctx.Err())
		}
	}
}

// backoff is the default of an agent's --registration_backoff_factor: agents re-register after a random part of it.
const backoff = time.Second

// tell tells the agents of a node, once they are registered with a master that was killed, that another one leads.
func (t *trial) tell(node int, leader runtime.PID) {
	t.killed.Lock()
	defer t.killed.Unlock()
	if t.back == nil || leader == t.old {
		return
	}
	back := t.back
	for i := node; i < len(t.agentRefs); i += t.options.nodes {
		runtime.Tell(t.agentRefs[i], func(a *agent) {
			a.master = leader
			a.Delay(time.Duration(a.Rand().Float64()*float64(backoff)), func() { a.reregister(back, 2*backoff) })
		})
	}
}

// killLeader kills the leader of the group while tasks are launched, and measures how long it takes until all agents are back.
// What the agents then run is what the new leader knows.
func (t *trial) killLeader(ctx context.Context) error {
	t.killed.Lock()
	t.back, t.old = newGoal("agents re-registered", t.agents), t.master.pid
	t.killed.Unlock()
	began := t.now()
	if err := t.master.KillMaster(t.old.Addr); err != nil {
		return err
	}
	leader, err := t.nextLeader(ctx, t.old)
	if err != nil {
		return err
	}
	t.figure("another master leads after", t.now().Sub(began).Seconds(), "s")
	if err := t.await(ctx, t.back); err != nil {
		return err
	}
	t.figure("agents are back after", t.now().Sub(began).Seconds(), "s")
	if err := t.master.observe(leader.Addr); err != nil {
		return err
	}
	return t.compareTasks(ctx)
}

// compareTasks returns an error if the master knows fewer or more tasks than the agents run.
func (t *trial) compareTasks(ctx context.Context) error {
	var running float64
	for _, ref := range t.agentRefs {
		counted := make(chan int, 1)
		runtime.Tell(ref, func(a *agent) { counted <- len(a.tasks) })
		running += float64(<-counted)
	}
	var answer bytes.Buffer
	if _, err := t.master.get(ctx, "/metrics/snapshot", &answer, nil); err != nil {
		return err
	}
	known := map[string]float64{}
	if err := json.Unmarshal(answer.Bytes(), &known); err != nil {
		return err
	}
	if got := known["master/tasks_running"]; got != running || running < float64(t.tasks) {
		return fmt.Errorf("%v tasks run, of which %d are acknowledged, and the new leader knows %v", running, t.tasks, got)
	}
	t.figure("tasks known after that", running, "tasks")
	return nil
}
