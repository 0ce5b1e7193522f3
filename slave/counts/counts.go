// Package counts is how often things happened since an agent started, and its metrics.
package counts

import (
	"strings"
	"time"

	"meseta/actors/metrics"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/book"
)

// Counts is how often things happened.
type Counts struct {
	Updates, Messages   Validity
	ended               [16]uint64 // tasks, by terminal mesospb.TaskState
	ExecutorsTerminated uint64
	LaunchErrors        uint64        // of containers
	MaxAge              time.Duration // that sandboxes may reach, as of the last look at the disk

	recovered bool
	recovery  time.Duration // how long it took
}

// Moment is what metrics show of an agent beside its counts.
type Moment struct {
	Uptime     time.Duration
	Registered bool
	Book       *book.Book
	Total      []*mesospb.Resource // what it has
}

// Validity counts what was passed on, and what was not.
type Validity struct{ Valid, Invalid uint64 }

// End counts a task that is over.
func (c *Counts) End(state mesospb.TaskState) {
	if int(state) < len(c.ended) {
		c.ended[state]++
	}
}

// Recovered notes how long the agent took to find out what it is.
func (c *Counts) Recovered(took time.Duration) { c.recovered, c.recovery = true, took }

// Measure shows the agent's metrics.
//
// Mesos: Metrics.
func (c *Counts) Measure(m *metrics.Sample, now Moment) {
	m.Gauge("slave/uptime_secs", now.Uptime.Seconds())
	m.Flag("slave/registered", now.Registered)
	m.Gauge("slave/executor_directory_max_allowed_age_secs", c.MaxAge.Seconds())
	m.Counter("slave/container_launch_errors", c.LaunchErrors)
	m.Counter("slave/executors_preempted", 0) // there is no QoS controller
	m.Counter("slave/recovery_errors", 0)     // nothing is recovered
	if c.recovered {
		m.Gauge("slave/recovery_time_secs", c.recovery.Seconds())
	}
	m.Counter("slave/executors_terminated", c.ExecutorsTerminated)
	m.Counter("slave/valid_status_updates", c.Updates.Valid)
	m.Counter("slave/invalid_status_updates", c.Updates.Invalid)
	m.Counter("slave/valid_framework_messages", c.Messages.Valid)
	m.Counter("slave/invalid_framework_messages", c.Messages.Invalid)
	for _, state := range []mesospb.TaskState{
		mesospb.TaskState_TASK_FINISHED, mesospb.TaskState_TASK_FAILED, mesospb.TaskState_TASK_KILLED,
		mesospb.TaskState_TASK_LOST, mesospb.TaskState_TASK_GONE,
	} {
		m.Counter("slave/tasks_"+short(state), c.ended[state])
	}
	measureTasks(m, now)
}

// short is "running" for TASK_RUNNING.
func short(state mesospb.TaskState) string {
	return strings.ToLower(strings.TrimPrefix(state.String(), "TASK_"))
}

// measureTasks counts what is there, and what it uses.
func measureTasks(m *metrics.Sample, now Moment) {
	frameworks, executors, tasks := 0, map[book.State]int{}, map[mesospb.TaskState]int{}
	var used resources.Resources
	for f := range now.Book.Frameworks() {
		frameworks++
		tasks[mesospb.TaskState_TASK_STAGING] += len(f.PendingTasks())
		for e := range f.Executors() {
			executors[e.State]++
			tasks[mesospb.TaskState_TASK_STAGING] += len(e.Queued())
			for t := range e.Launched() {
				tasks[t.GetState()]++
			}
			if e.State != book.Terminated {
				used = used.Plus(resources.FromValid(e.Resources()).Unallocate())
			}
		}
	}
	m.Gauge("slave/frameworks_active", float64(frameworks))
	for _, state := range []book.State{book.Registering, book.Running, book.Terminating} {
		m.Gauge("slave/executors_"+state.String(), float64(executors[state]))
	}
	for _, state := range []mesospb.TaskState{
		mesospb.TaskState_TASK_STAGING, mesospb.TaskState_TASK_STARTING, mesospb.TaskState_TASK_RUNNING,
		mesospb.TaskState_TASK_KILLING,
	} {
		m.Gauge("slave/tasks_"+short(state), float64(tasks[state]))
	}
	total := resources.FromValid(now.Total)
	for _, name := range []string{"cpus", "gpus", "mem", "disk"} {
		share(m, "slave/"+name+"_", amount(total.NonRevocable(), name), amount(used.NonRevocable(), name))
		share(m, "slave/"+name+"_revocable_", amount(total.Revocable(), name), amount(used.Revocable(), name))
	}
}

func amount(rs resources.Resources, name string) float64 {
	q, _ := rs.Scalar(name)
	return q.Float()
}

func share(m *metrics.Sample, prefix string, total, used float64) {
	percent := 0.0
	if total != 0 {
		percent = used / total
	}
	m.Gauge(prefix+"total", total)
	m.Gauge(prefix+"used", used)
	m.Gauge(prefix+"percent", percent)
}
