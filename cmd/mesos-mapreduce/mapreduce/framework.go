// Package mapreduce implements a MapReduce framework on Mesos like Hadoop's: a job tracker (package jobtracker)
// decides, task trackers (package tasktracker) are the executors that do the work, and [Framework] connects them with
// Mesos.
//
// Framework is an actor beside that of the scheduler driver. It accepts offers with the tasks that the job tracker
// places on them, follows the tasks by their status updates, and tells the task trackers where map outputs are. It
// reports progress by [Config.Progress] and writes nothing to the terminal.
package mapreduce

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/cmd/mesos-mapreduce/mapreduce/input"
	"meseta/cmd/mesos-mapreduce/mapreduce/job"
	"meseta/cmd/mesos-mapreduce/mapreduce/jobtracker"
	"meseta/cmd/mesos-mapreduce/mapreduce/protocol"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/sched"
)

const (
	executorID = ids.Executor("tasktracker")

	// patience is how long pending maps wait for resources before a reduce has to give up its own.
	patience = 10 * time.Second
	// refusal is how long offers are declined that are too small. While no tasks wait, offers are suppressed instead.
	refusal = time.Second
	idle    = 365 * 24 * time.Hour
	// reviveInterval is the least time between two requests for offers.
	reviveInterval = 100 * time.Millisecond
)

// Config says what to run. All fields but Node, Progress and Over are required; SlowStart may be zero.
type Config struct {
	Jobs    []job.Spec           // what to compute, each of all the input
	Splits  []input.Split        // the input, cut for the maps of each job
	Reduces int                  // number of reduces of each job, and of files in its result; 0 is none, and so no result
	Output  string               // directory for results, with a directory for each job
	Command *mesospb.CommandInfo // starts a task tracker on an agent

	Task        resources.Resources // resources of each map and reduce
	TaskTracker resources.Resources // resources of the executor
	SlowStart   float64             // share of the maps that must finish before reduces start, from 0 to 1
	Node        string              // attribute with which agents name their node; agents without it are identified by their address

	Progress func(Snapshot) // called after every change, on the framework's turn; it must not block
	Over     func(Result)   // called once, when all jobs are over or the framework cannot go on
}

// Framework runs the jobs of a [Config]. It is an actor; [Start] makes one.
type Framework struct {
	runtime.Actor
	config  Config
	driver  *sched.Driver
	tracker *jobtracker.Tracker
	began   time.Time
	over    bool

	tasks   map[ids.Task]launched
	agents  map[ids.Agent]jobtracker.Node
	idle    bool // offers are suppressed
	starved runtime.Timer
	revive  runtime.Timer
	stats   stats
}

// launched is a task that was launched and has not ended.
type launched struct {
	attempt jobtracker.Attempt
	node    jobtracker.Node
	agent   ids.Agent
	killed  bool // it was killed because its job failed
}

// Start spawns a framework and its driver, which looks for the master.
func Start(node *runtime.Node, info *mesospb.FrameworkInfo, master string, c Config) (*sched.Driver, error) {
	f := &Framework{config: c, tasks: map[ids.Task]launched{}, agents: map[ids.Agent]jobtracker.Node{}}
	ref, err := runtime.Spawn(node, "mapreduce", f)
	if err != nil {
		return nil, err
	}
	d := sched.NewDriver(node, callbacks{ref: ref}, info, master, sched.Options{})
	runtime.Tell(ref, func(f *Framework) { f.driver = d })
	d.Start()
	return d, nil
}

// Initialize submits the jobs. Everything else starts in [callbacks].
func (f *Framework) Initialize() {
	f.began = f.Now()
	f.tracker = jobtracker.New(jobtracker.Options{
		Task: cost(f.config.Task), TaskTracker: cost(f.config.TaskTracker), SlowStart: f.config.SlowStart,
	})
	f.stats = newStats(len(f.config.Jobs))
	for range f.config.Jobs {
		f.tracker.Submit(jobtracker.Spec{Holders: make([][]jobtracker.Node, len(f.config.Splits)), Reduces: f.config.Reduces})
	}
	f.report()
}

func cost(r resources.Resources) jobtracker.Cost {
	return jobtracker.Cost{CPUs: r.CPUs(), Mem: r.Mem()}
}

// offered launches the tasks that the job tracker places, all those of an offer together, and declines the rest.
func (f *Framework) offered(offers []*mesospb.Offer) {
	places := make([]jobtracker.Offer, len(offers))
	for i, o := range offers {
		places[i] = f.place(o)
	}
	byOffer := make([][]*mesospb.TaskInfo, len(offers))
	if !f.over {
		for _, l := range f.tracker.Place(places) {
			byOffer[l.Offer] = append(byOffer[l.Offer], f.task(l, offers[l.Offer], places[l.Offer].Node))
		}
	}
	f.idle = f.over || !f.tracker.Placeable()
	for i, tasks := range byOffer {
		id := ids.OfferOf(offers[i].GetId())
		if len(tasks) == 0 {
			f.driver.DeclineOffer(id, f.refuse())
			continue
		}
		f.driver.LaunchTasks([]ids.Offer{id}, tasks, f.refuse())
	}
	f.watchStarvation()
	f.report()
}

// place converts an offer. It ignores reserved resources.
func (f *Framework) place(o *mesospb.Offer) jobtracker.Offer {
	agent := ids.AgentOf(o.GetSlaveId())
	node := f.nodeOf(o)
	f.agents[agent] = node
	bag := resources.FromValid(o.GetResources()).Unreserved()
	here := slices.ContainsFunc(o.GetExecutorIds(), func(id *mesospb.ExecutorID) bool { return ids.ExecutorOf(id) == executorID })
	return jobtracker.Offer{Node: node, Free: cost(bag), Tracker: here}
}

// nodeOf returns the node of an offer: the agent's attribute, or else its address, because several agents may run on
// one host.
func (f *Framework) nodeOf(o *mesospb.Offer) jobtracker.Node {
	for _, a := range o.GetAttributes() {
		if a.GetName() == f.config.Node && a.GetText() != nil {
			return jobtracker.Node(a.GetText().GetValue())
		}
	}
	if u := o.GetUrl().GetAddress(); u != nil {
		return jobtracker.Node(fmt.Sprintf("%s:%d", o.GetHostname(), u.GetPort()))
	}
	return jobtracker.Node(o.GetHostname() + " " + o.GetSlaveId().GetValue())
}

// task returns the TaskInfo of an attempt, and records the attempt.
func (f *Framework) task(l jobtracker.Launch, o *mesospb.Offer, node jobtracker.Node) *mesospb.TaskInfo {
	a := l.Attempt
	id := ids.Task(a.String())
	f.tasks[id] = launched{attempt: a, node: node, agent: ids.AgentOf(o.GetSlaveId())}
	f.stats.launched(node, a.Task.Kind, l.Local)
	t := protocol.Task{Job: a.Task.Job, Spec: f.config.Jobs[a.Task.Job], Index: a.Task.Index, Number: a.Number}
	if a.Task.Kind == jobtracker.Map {
		t.Map = &protocol.Map{Split: f.config.Splits[a.Task.Index], Reduces: f.config.Reduces}
	} else {
		t.Reduce = &protocol.Reduce{Maps: len(f.config.Splits), Output: f.output(a.Task.Job, a.Task.Index)}
	}
	return &mesospb.TaskInfo{
		Name: proto.String(a.String()), TaskId: id.Proto(), SlaveId: o.GetSlaveId(), Resources: f.config.Task.Proto(), Data: protocol.Encode(t),
		Executor: &mesospb.ExecutorInfo{
			ExecutorId: executorID.Proto(), FrameworkId: o.GetFrameworkId(), Name: proto.String("MapReduce task tracker"),
			Source: proto.String("mapreduce"), Command: f.config.Command, Resources: f.config.TaskTracker.Proto(),
		},
	}
}

func (f *Framework) output(number, reduce int) string {
	return filepath.Join(f.config.Output, fmt.Sprintf("%d-%s", number, f.config.Jobs[number].Name), fmt.Sprintf("part-%05d", reduce))
}

func (f *Framework) refuse() *mesospb.Filters {
	d := refusal
	if f.idle {
		d = idle
	}
	return &mesospb.Filters{RefuseSeconds: proto.Float64(d.Seconds())}
}

// updated handles a status update.
func (f *Framework) updated(s *mesospb.TaskStatus) {
	id := ids.TaskOf(s.GetTaskId())
	l, known := f.tasks[id]
	if !known {
		return // a repeated update
	}
	switch s.GetState() {
	case mesospb.TaskState_TASK_STAGING, mesospb.TaskState_TASK_STARTING, mesospb.TaskState_TASK_RUNNING, mesospb.TaskState_TASK_KILLING:
		return
	case mesospb.TaskState_TASK_FINISHED:
		f.finished(l, s.GetData())
	case mesospb.TaskState_TASK_FAILED, mesospb.TaskState_TASK_ERROR:
		f.tracker.Failed(l.attempt, s.GetMessage())
	default: // lost or killed, not by its own fault
		f.tracker.Dropped(l.attempt)
	}
	if s.GetState() != mesospb.TaskState_TASK_FINISHED && !l.killed {
		f.Log().Warn().Stringer("task_id", id).Stringer("state", s.GetState()).Str("reason", s.GetMessage()).Msg("task is to be tried again")
	}
	delete(f.tasks, id)
	f.stats.ended(l.node, l.attempt.Task.Kind)
	f.moveOn()
}

func (f *Framework) finished(l launched, data []byte) {
	r, err := protocol.Decode[protocol.Report](data)
	if err != nil {
		f.tracker.Failed(l.attempt, err.Error())
		return
	}
	number := l.attempt.Task.Job
	if l.attempt.Task.Kind == jobtracker.Reduce {
		if f.tracker.ReduceDone(l.attempt) {
			f.stats.finished(l, r, f.Now().Sub(f.began))
		}
		return
	}
	since := len(f.tracker.Outputs(number, 0))
	if !f.tracker.MapDone(l.attempt, r.URL) {
		return
	}
	f.stats.finished(l, r, f.Now().Sub(f.began))
	for _, agent := range f.reducing(number) {
		f.tellOutputs(agent, number, since)
	}
}

// reducing returns the agents where reduces of a job run.
func (f *Framework) reducing(number int) []ids.Agent {
	on := map[ids.Agent]bool{}
	for _, l := range f.tasks {
		if l.attempt.Task.Kind == jobtracker.Reduce && l.attempt.Task.Job == number {
			on[l.agent] = true
		}
	}
	return slices.Sorted(maps.Keys(on))
}

func (f *Framework) tellOutputs(agent ids.Agent, number, since int) {
	f.driver.SendFrameworkMessage(executorID, agent, protocol.Encode(protocol.Outputs{
		Job: number, Since: since, Outputs: f.tracker.Outputs(number, since),
	}))
}

// asked answers a task tracker, and runs the maps again whose output it could not fetch.
func (f *Framework) asked(agent ids.Agent, data []byte) {
	q, err := protocol.Decode[protocol.Request](data)
	if err != nil || q.Job < 0 || q.Job >= f.tracker.Jobs() {
		f.Log().Warn().Err(err).Stringer("agent_id", agent).Msg("task tracker's request not understood")
		return
	}
	for _, o := range q.Lost {
		if o.Map >= 0 && o.Map < len(f.config.Splits) {
			f.tracker.OutputLost(jobtracker.Attempt{Task: jobtracker.TaskID{Job: q.Job, Kind: jobtracker.Map, Index: o.Map}, Number: o.Attempt})
		}
	}
	f.tellOutputs(agent, q.Job, q.Since)
	if len(q.Lost) > 0 {
		f.moveOn()
	}
}

// trackerLost restarts the tasks that ran on a task tracker that is gone, and those whose output it served.
func (f *Framework) trackerLost(agent ids.Agent, why string) {
	node, known := f.agents[agent]
	if !known || f.over {
		return
	}
	f.Log().Warn().Stringer("agent_id", agent).Str("reason", why).Msg("task tracker lost")
	for id, l := range f.tasks {
		if l.agent == agent {
			delete(f.tasks, id)
			f.stats.ended(node, l.attempt.Task.Kind)
		}
	}
	f.tracker.TrackerLost(node)
	f.moveOn()
}

func (f *Framework) agentLost(agent ids.Agent) {
	f.trackerLost(agent, "agent lost")
	if node, known := f.agents[agent]; known {
		f.tracker.NodeLost(node)
		delete(f.agents, agent)
	}
}

// moveOn asks for offers if there is something to place, and ends when all jobs are over.
func (f *Framework) moveOn() {
	f.killFutile()
	f.askForOffers()
	f.watchStarvation()
	f.report()
	if f.tracker.Over() {
		f.end(nil)
	}
}

// killFutile kills the tasks of jobs that failed, once, to free their resources.
func (f *Framework) killFutile() {
	for _, a := range f.tracker.Futile() {
		id := ids.Task(a.String())
		if l, ok := f.tasks[id]; ok && !l.killed && !f.over {
			l.killed = true
			f.tasks[id] = l
			f.driver.KillTask(id)
		}
	}
}

// askForOffers revives offers when tasks wait, because declined offers may fit now.
func (f *Framework) askForOffers() {
	if f.over || f.revive.Active() || !f.tracker.Placeable() {
		return
	}
	f.revive = f.Delay(reviveInterval, func() {
		if !f.over && f.tracker.Placeable() {
			f.driver.ReviveOffers()
		}
	})
}

// watchStarvation preempts a reduce if maps wait for resources that only waiting reduces hold.
func (f *Framework) watchStarvation() {
	if _, starving := f.tracker.Preempt(); !starving || f.over {
		f.starved.Cancel()
		return
	}
	if f.starved.Active() {
		return
	}
	f.starved = f.Delay(patience, func() {
		if a, starving := f.tracker.Preempt(); starving && !f.over {
			f.Log().Info().Stringer("task_id", a).Msg("reduce gives way to maps")
			f.driver.KillTask(ids.Task(a.String()))
		}
		f.watchStarvation()
	})
}

// report reports the progress.
func (f *Framework) report() {
	if f.config.Progress != nil && !f.over {
		f.config.Progress(f.snapshot())
	}
}

// end reports the result, once.
func (f *Framework) end(err error) {
	if f.over {
		return
	}
	r := Result{Snapshot: f.snapshot(), Err: err}
	for n, j := range r.Jobs {
		var parts []string
		for i := range f.config.Reduces {
			parts = append(parts, f.output(n, i))
		}
		r.Parts = append(r.Parts, parts)
		if j.Failure != "" && r.Err == nil {
			r.Err = fmt.Errorf("job %s: %s", j.Spec, j.Failure)
		}
	}
	f.over = true
	f.starved.Cancel()
	if f.config.Over != nil {
		f.config.Over(r)
	}
}

// callbacks passes the driver's callbacks on to the framework's own turns, in order.
type callbacks struct {
	sched.Base
	ref runtime.Ref[*Framework]
}

func (c callbacks) ResourceOffers(_ *sched.Driver, offers []*mesospb.Offer) {
	runtime.Tell(c.ref, func(f *Framework) { f.offered(offers) })
}

func (c callbacks) StatusUpdate(_ *sched.Driver, s *mesospb.TaskStatus) {
	runtime.Tell(c.ref, func(f *Framework) { f.updated(s) })
}

func (c callbacks) FrameworkMessage(_ *sched.Driver, _ ids.Executor, agent ids.Agent, data []byte) {
	runtime.Tell(c.ref, func(f *Framework) { f.asked(agent, data) })
}

func (c callbacks) ExecutorLost(_ *sched.Driver, _ ids.Executor, agent ids.Agent, status int) {
	runtime.Tell(c.ref, func(f *Framework) { f.trackerLost(agent, fmt.Sprintf("executor ended with wait status %d", status)) })
}

func (c callbacks) AgentLost(_ *sched.Driver, agent ids.Agent) {
	runtime.Tell(c.ref, func(f *Framework) { f.agentLost(agent) })
}

func (c callbacks) Error(_ *sched.Driver, message string) {
	runtime.Tell(c.ref, func(f *Framework) { f.end(fmt.Errorf("the framework cannot go on: %s", message)) })
}
