// Package counts counts what happens in an agent, and turns the counters into metrics.
package counts

import (
	"strings"
	"time"

	"meseta/actors/metrics"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/book"
)

// Counts counts events since the agent started.
type Counts struct {
	Updates, Messages   Validity
	ended               [16]uint64 // terminal tasks, by mesospb.TaskState
	ExecutorsTerminated uint64
	LaunchErrors        uint64        // failed launches of containers
	RecoveryErrors      uint64        // damaged records of an earlier run of the agent
	MaxAge              time.Duration // age that sandboxes may reach, as of the latest check of the disk

	recovered bool
	recovery  time.Duration // how long recovery took
}

// Moment is the agent's state that metrics show besides the counters.
type Moment struct {
	Uptime     time.Duration
	Registered bool
	Book       *book.Book
	Total      []*mesospb.Resource // the agent's resources, including what may be lent
	Preempted  uint64              // executors killed because they disturbed others
}

// Validity counts what was passed on and what was refused.
type Validity struct{ Valid, Invalid uint64 }

// End counts a terminal task.
func (c *Counts) End(state mesospb.TaskState) {
	if int(state) < len(c.ended) {
		c.ended[state]++
	}
}

// Recovered records how long recovery took.
func (c *Counts) Recovered(took time.Duration) { c.recovered, c.recovery = true, took }

// Measure adds the agent's metrics to m.
//
// Mesos: Metrics.
func (c *Counts) Measure(m *metrics.Sample, now Moment) {
	m.Gauge("slave/uptime_secs", now.Uptime.Seconds())
	m.Flag("slave/registered", now.Registered)
	m.Gauge("slave/executor_directory_max_allowed_age_secs", c.MaxAge.Seconds())
	m.Counter("slave/container_launch_errors", c.LaunchErrors)
	m.Counter("slave/executors_preempted", now.Preempted)
	m.Counter("slave/recovery_errors", c.RecoveryErrors)
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

// short returns "running" for TASK_RUNNING, and so on.
func short(state mesospb.TaskState) string {
	return strings.ToLower(strings.TrimPrefix(state.String(), "TASK_"))
}

// measureTasks adds the numbers of frameworks, executors and tasks, and the resources that they use.
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
