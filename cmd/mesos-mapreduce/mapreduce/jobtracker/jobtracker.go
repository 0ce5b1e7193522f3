// Package jobtracker decides which task runs where. It knows the jobs with their map and reduce tasks, and places tasks
// on offers as Hadoop's scheduler on Mesos did. It is pure: no messages, no time, no randomness. The framework tells it
// what happened and asks it what to launch.
//
// A task is pending, running (as a numbered attempt), or done. A failed attempt is repeated on another node, a few
// times. A map that is done becomes pending again if its output is lost before every reduce has it.
package jobtracker

import (
	"fmt"
	"slices"

	"meseta/messages/resources"
)

// Kind is the kind of a task.
type Kind int

// The kinds of tasks.
const (
	Map Kind = iota
	Reduce
)

// String returns the name of the kind.
func (k Kind) String() string { return [...]string{"map", "reduce"}[k] }

// Node is a machine with an agent, by the name that splits use for it.
type Node string

// TaskID identifies a task of a job.
type TaskID struct {
	Job   int // in the order of submission
	Kind  Kind
	Index int
}

// Attempt is one attempt to run a task.
type Attempt struct {
	Task   TaskID
	Number int
}

// String returns a name that is unique within a run.
func (a Attempt) String() string {
	return fmt.Sprintf("job-%d-%s-%05d-%d", a.Task.Job, a.Task.Kind, a.Task.Index, a.Number)
}

// Cost is the resources of something on a node.
type Cost struct{ CPUs, Mem resources.Quantity }

func (c Cost) plus(d Cost) Cost   { return Cost{c.CPUs + d.CPUs, c.Mem + d.Mem} }
func (c Cost) minus(d Cost) Cost  { return Cost{c.CPUs - d.CPUs, c.Mem - d.Mem} }
func (c Cost) within(d Cost) bool { return c.CPUs <= d.CPUs && c.Mem <= d.Mem }

// Options configures a [Tracker].
type Options struct {
	Task        Cost    // of each map and reduce
	TaskTracker Cost    // of the executor, once on each node that runs tasks
	SlowStart   float64 // share of a job's maps, from 0 to 1, that must finish before its reduces are placed
}

// Spec describes a job.
type Spec struct {
	Holders [][]Node // for each map, the nodes that hold its split; if there are none, the tracker assigns the split to a node
	Reduces int
}

// Tracker holds the jobs and the nodes. [New] makes one.
type Tracker struct {
	options Options
	jobs    []*jobState
	nodes   map[Node]*nodeState
}

type jobState struct {
	maps, reduces []*task
	outputs       []Output // every map output ever made, in order
	failure       string   // why the job failed; empty if it did not fail
}

type task struct {
	id       TaskID
	holders  []Node
	state    state
	attempts int
	failures int
	node     Node   // of the running or finished attempt
	failedOn []Node // nodes to avoid
}

type state int

const (
	pending state = iota
	running
	done
)

type nodeState struct {
	tracker bool // an executor runs there
	running [2]int
}

// Output is the place from which the output of a map can be fetched.
type Output struct {
	Map     int    `json:"map"`
	Attempt int    `json:"attempt"`
	URL     string `json:"url"`
}

// maxAttempts is how often a task may fail before its job fails.
const maxAttempts = 4

// New returns a tracker without jobs.
func New(o Options) *Tracker {
	return &Tracker{options: o, nodes: map[Node]*nodeState{}}
}

// Submit adds a job and returns its number. Jobs are served in order: a later one gets the resources that earlier ones
// leave.
func (t *Tracker) Submit(s Spec) int {
	j := &jobState{}
	number := len(t.jobs)
	for i, holders := range s.Holders {
		j.maps = append(j.maps, &task{id: TaskID{number, Map, i}, holders: holders})
	}
	for i := range s.Reduces {
		j.reduces = append(j.reduces, &task{id: TaskID{number, Reduce, i}})
	}
	t.jobs = append(t.jobs, j)
	return number
}

func (t *Tracker) find(a Attempt) *task {
	tasks := t.jobs[a.Task.Job].of(a.Task.Kind)
	return tasks[a.Task.Index]
}

func (j *jobState) of(k Kind) []*task {
	if k == Map {
		return j.maps
	}
	return j.reduces
}

// current returns the task of a if a is its running attempt. News of other attempts comes too late.
func (t *Tracker) current(a Attempt) (*task, bool) {
	k := t.find(a)
	return k, k.state == running && k.attempts == a.Number
}

// Running reports whether a is the running attempt of its task.
func (t *Tracker) Running(a Attempt) bool {
	_, ok := t.current(a)
	return ok
}

// MapDone records that a map has made its output, which can be fetched from url. It returns false if that comes too
// late.
func (t *Tracker) MapDone(a Attempt, url string) bool {
	k, ok := t.current(a)
	if !ok {
		return false
	}
	t.leave(k, done)
	j := t.jobs[a.Task.Job]
	j.outputs = append(j.outputs, Output{Map: a.Task.Index, Attempt: a.Number, URL: url})
	return true
}

// ReduceDone records that a reduce has written its result. It returns false if that comes too late.
func (t *Tracker) ReduceDone(a Attempt) bool {
	k, ok := t.current(a)
	if ok {
		t.leave(k, done)
	}
	return ok
}

// Failed records that an attempt failed by its own fault. The task is tried again elsewhere; if it fails too often, its
// job fails.
func (t *Tracker) Failed(a Attempt, reason string) {
	k, ok := t.current(a)
	if !ok {
		return
	}
	k.failures++
	if !slices.Contains(k.failedOn, k.node) {
		k.failedOn = append(k.failedOn, k.node)
	}
	t.leave(k, pending)
	if j := t.jobs[a.Task.Job]; k.failures >= maxAttempts && j.failure == "" {
		j.failure = fmt.Sprintf("%s failed %d times; at last: %s", a, k.failures, reason)
	}
}

// Dropped records that an attempt ended without its own fault, because its offer was stale or its node is gone.
func (t *Tracker) Dropped(a Attempt) {
	if k, ok := t.current(a); ok {
		t.leave(k, pending)
	}
}

// leave moves a task from running to another state.
func (t *Tracker) leave(k *task, to state) {
	t.nodes[k.node].running[k.id.Kind]--
	k.state = to
}

// OutputLost records that a reduce could not fetch the output of attempt a of a map. The map must run again, unless it
// does already. Its node is avoided, because it is probably to blame.
func (t *Tracker) OutputLost(a Attempt) {
	if k := t.find(a); k.state == done && k.attempts == a.Number && !t.settled(a.Task.Job) {
		k.state = pending
		k.failedOn = append(k.failedOn, k.node)
	}
}

// TrackerLost records that the executor on a node is gone, with the tasks that ran there and the outputs that it
// served. Outputs that no reduce needs any more do not matter.
func (t *Tracker) TrackerLost(n Node) {
	node := t.nodes[n]
	if node == nil {
		return
	}
	node.tracker = false
	for number, j := range t.jobs {
		for _, k := range slices.Concat(j.maps, j.reduces) {
			switch {
			case k.node != n:
			case k.state == running:
				t.leave(k, pending)
			case k.state == done && k.id.Kind == Map && !t.settled(number):
				k.state = pending
			}
		}
	}
}

// NodeLost records that a node will make no more offers.
func (t *Tracker) NodeLost(n Node) {
	t.TrackerLost(n)
	delete(t.nodes, n)
}

// Futile returns the running attempts of jobs that failed, in order. They hold resources that other jobs need.
func (t *Tracker) Futile() []Attempt {
	var futile []Attempt
	for _, j := range t.jobs {
		if j.failure == "" {
			continue
		}
		for _, k := range slices.Concat(j.maps, j.reduces) {
			if k.state == running {
				futile = append(futile, Attempt{k.id, k.attempts})
			}
		}
	}
	return futile
}

// settled reports whether all reduces of a job are done or the job failed. Then its maps are not needed.
func (t *Tracker) settled(job int) bool {
	j := t.jobs[job]
	return j.failure != "" || len(j.reduces) == count(j.reduces, done)
}

// Outputs returns the outputs of a job's maps from number since on, in the order in which they were made. A later
// output of a map replaces an earlier one.
func (t *Tracker) Outputs(job, since int) []Output {
	all := t.jobs[job].outputs
	return slices.Clone(all[min(max(0, since), len(all)):])
}

// Preempt returns a running reduce that has to give up its resources, because maps are pending for which no node has
// room while all nodes hold reduces that wait for just these maps. ok is false if there is no such need.
func (t *Tracker) Preempt() (a Attempt, ok bool) {
	for _, j := range t.jobs {
		if j.failure != "" || count(j.maps, pending) == 0 || count(j.maps, running) > 0 {
			continue
		}
		for _, k := range slices.Backward(j.reduces) {
			if k.state == running {
				return Attempt{k.id, k.attempts}, true
			}
		}
	}
	return Attempt{}, false
}

// Progress is the progress of a job.
type Progress struct {
	Maps, MapsRunning, MapsDone          int
	Reduces, ReducesRunning, ReducesDone int
	Retries                              int    // attempts beyond the first of each task
	Failure                              string // why the job failed; empty if it did not fail
}

// Done reports whether the job succeeded.
func (p Progress) Done() bool { return p.Failure == "" && p.ReducesDone == p.Reduces }

// Over reports whether the job succeeded or failed.
func (p Progress) Over() bool { return p.Failure != "" || p.Done() }

// Progress returns the progress of a job.
func (t *Tracker) Progress(job int) Progress {
	j := t.jobs[job]
	p := Progress{
		Maps: len(j.maps), MapsRunning: count(j.maps, running), MapsDone: count(j.maps, done),
		Reduces: len(j.reduces), ReducesRunning: count(j.reduces, running), ReducesDone: count(j.reduces, done),
		Failure: j.failure,
	}
	for _, k := range slices.Concat(j.maps, j.reduces) {
		p.Retries += max(0, k.attempts-1)
	}
	return p
}

// Jobs returns the number of jobs.
func (t *Tracker) Jobs() int { return len(t.jobs) }

// Over reports whether all jobs succeeded or failed.
func (t *Tracker) Over() bool {
	for i := range t.jobs {
		if !t.Progress(i).Over() {
			return false
		}
	}
	return true
}

func count(tasks []*task, s state) int {
	n := 0
	for _, k := range tasks {
		if k.state == s {
			n++
		}
	}
	return n
}
