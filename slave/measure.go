package slave

import (
	"strings"
	"time"

	"meseta/actors/metrics"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/book"
)

// counts is how often things happened since the agent started, for metrics.
type counts struct {
	updates, messages   validity
	ended               [16]uint64 // tasks, by terminal mesospb.TaskState
	executorsTerminated uint64
	launchErrors        uint64        // of containers
	maxAge              time.Duration // that sandboxes may reach, as of the last look at the disk
}

// validity counts what was passed on, and what was not.
type validity struct{ valid, invalid uint64 }

// end counts a task that is over.
func (c *counts) end(state mesospb.TaskState) {
	if int(state) < len(c.ended) {
		c.ended[state]++
	}
}

// measure shows the agent's metrics.
//
// Mesos: Metrics.
func (c *counts) measure(s *Slave, m *metrics.Sample) {

	m.Gauge("slave/uptime_secs", s.Now().Sub(s.started).Seconds())
	m.Flag("slave/registered", s.state == running)
	m.Gauge("slave/executor_directory_max_allowed_age_secs", c.maxAge.Seconds())
	m.Counter("slave/container_launch_errors", c.launchErrors)
	m.Counter("slave/executors_preempted", 0) // there is no QoS controller
	m.Counter("slave/recovery_errors", 0)     // nothing is recovered
	m.Counter("slave/executors_terminated", c.executorsTerminated)
	m.Counter("slave/valid_status_updates", c.updates.valid)
	m.Counter("slave/invalid_status_updates", c.updates.invalid)
	m.Counter("slave/valid_framework_messages", c.messages.valid)
	m.Counter("slave/invalid_framework_messages", c.messages.invalid)
	for _, state := range []mesospb.TaskState{
		mesospb.TaskState_TASK_FINISHED, mesospb.TaskState_TASK_FAILED, mesospb.TaskState_TASK_KILLED,
		mesospb.TaskState_TASK_LOST, mesospb.TaskState_TASK_GONE,
	} {
		m.Counter("slave/tasks_"+short(state), c.ended[state])
	}
	measureTasks(s, m)
}

// short is "running" for TASK_RUNNING.
func short(state mesospb.TaskState) string {
	return strings.ToLower(strings.TrimPrefix(state.String(), "TASK_"))
}

// measureTasks counts what is there, and what it uses.
func measureTasks(s *Slave, m *metrics.Sample) {
	frameworks, executors, tasks := 0, map[book.State]int{}, map[mesospb.TaskState]int{}
	var used resources.Resources
	for f := range s.book.Frameworks() {
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
	total := resources.FromValid(s.info.GetResources())
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
