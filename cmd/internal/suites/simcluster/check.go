package simcluster

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"meseta/actors/allocator"
	"meseta/actors/statusupdate"
	"meseta/master"
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/slave"
)

// Check fails the test if what holds at every moment does not: the master's book is in order, its allocator knows the
// same agents with the same resources, held by the same frameworks, and no task was run twice.
func (c *Cluster) Check() {
	c.Helper()
	if c.Master.Living() {
		for _, problem := range c.checkMaster() {
			c.Errorf("at %s: %s", c.elapsed(), problem)
		}
	}
}

// CheckQuiet fails the test if what holds when nothing has failed for a while, and no message is under way, does
// not: besides what [Cluster.Check] asks for, master, agents and frameworks agree on which tasks there are and that they
// run, every other task was told to have ended, once, and no update, offer or executor is left over.
func (c *Cluster) CheckQuiet() {
	c.Helper()
	c.Check()
	for _, problem := range c.unrest() {
		c.Errorf("at %s, when all should be quiet: %s", c.elapsed(), problem)
	}
}

// IsQuiet reports whether [Cluster.CheckQuiet] would find nothing.
func (c *Cluster) IsQuiet() bool {
	return c.Master.Living() && len(c.checkMaster()) == 0 && len(c.unrest()) == 0
}

// unrest is what keeps a cluster from being quiet.
func (c *Cluster) unrest() []string {
	return slices.Concat(c.checkAgents(), c.checkFrameworks(), c.checkOperations(), c.checkAsked(), c.checkTransitions())
}

func (c *Cluster) elapsed() string { return c.World.Now().Sub(epoch).String() }

func (c *Cluster) checkMaster() (problems []string) {
	var b *book.Book
	var holdings []allocator.Holding
	c.Master.Do(func(m *master.Master) {
		b = m.Book()
		runtime.Tell(m.Allocator(), func(a *allocator.Allocator) { holdings = a.Holdings() })
	})
	if err := b.Check(); err != nil {
		problems = append(problems, "the master's book is not in order: "+err.Error())
	}
	if agents := b.Agents(); len(agents) != len(holdings) {
		problems = append(problems, fmt.Sprintf("the master knows %d agents, its allocator %d", len(agents), len(holdings)))
	}
	for _, h := range holdings {
		problems = append(problems, checkHolding(h, b.Agent(h.Agent))...)
	}
	return problems
}

// checkHolding compares what the allocator and the master know of one agent.
func checkHolding(h allocator.Holding, a *book.Agent) (problems []string) {
	if a == nil {
		return []string{fmt.Sprintf("the allocator knows agent %s, the master does not", h.Agent)}
	}
	differ := func(what string, allocator, master resources.Resources) {
		if !allocator.Equal(master) {
			problems = append(problems, fmt.Sprintf("%s of agent %s is %v to the allocator, %v to the master", what, h.Agent, allocator, master))
		}
	}
	held := a.UsedBy()
	for _, o := range a.Offers() {
		held[o.Framework] = held[o.Framework].Plus(o.Resources)
	}
	rest := a.Total
	for _, f := range slices.Sorted(maps.Keys(merge(held, h.Held))) {
		differ("what "+string(f)+" holds", h.Held[f], held[f].Unallocate())
		rest = rest.Minus(held[f].Unallocate())
	}
	differ("the total", h.Total, a.Total)
	differ("what is in use", h.InUse, a.Used().Unallocate())
	differ("the rest", h.Available, rest)
	return problems
}

func merge[K comparable, V any](a, b map[K]V) map[K]V {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// checkAgents compares what runs with what the agents know, and that with what the master knows.
func (c *Cluster) checkAgents() (problems []string) {
	for _, a := range c.Agents {
		if !a.Living() {
			continue
		}
		var id ids.Agent
		var open []ids.Task
		reporting := 0
		tasks := map[ids.Task]mesospb.TaskState{}
		var executors []ids.Executor
		a.Do(func(s *slave.Slave) {
			id = ids.AgentOf(s.Facts().Info.GetId())
			reporting = s.Reporting()
			runtime.Tell(s.Updates(), func(m *statusupdate.StatusUpdateManager) { open = m.Unacknowledged() })
			for f := range s.Book().Frameworks() {
				for e := range f.Executors() {
					executors = append(executors, e.ID)
					for t := range e.Launched() {
						tasks[ids.TaskOf(t.GetTaskId())] = t.GetState()
					}
				}
			}
		})
		if reporting > 0 {
			problems = append(problems, fmt.Sprintf("%s has updates of %d tasks on their way to its update manager", a.Name, reporting))
		}
		if len(open) > 0 {
			problems = append(problems, fmt.Sprintf("%s waits for acknowledgements of %v", a.Name, open))
		}
		if running := a.Executors(); len(running) != len(executors) {
			problems = append(problems, fmt.Sprintf("%s knows the executors %v, but on its machine run %v", a.Name, executors, c.called(running)))
		}
		problems = append(problems, c.checkTasks(a.Name, id, tasks)...)
	}
	return problems
}

// called are the names of processes.
func (c *Cluster) called(addrs []string) (names []string) {
	for _, addr := range addrs {
		names = append(names, c.names[addr]+"@"+addr)
	}
	return names
}

// checkTransitions checks that no transition of an agent stays in progress.
func (c *Cluster) checkTransitions() (problems []string) {
	c.Master.Do(func(m *master.Master) {
		if n := m.Book().NumTransitions(); n > 0 {
			problems = append(problems, fmt.Sprintf("the master has not finished with %d agents", n))
		}
	})
	return problems
}

// checkTasks compares the tasks that run on an agent with what the master knows of it.
func (c *Cluster) checkTasks(name string, id ids.Agent, tasks map[ids.Task]mesospb.TaskState) (problems []string) {
	known := map[ids.Task]mesospb.TaskState{}
	c.Master.Do(func(m *master.Master) {
		a := m.Book().Agent(id)
		if a == nil || !a.Active {
			problems = append(problems, fmt.Sprintf("%s is %s, which the master does not know as an active agent", name, id))
			return
		}
		for _, t := range a.Tasks() {
			known[t.ID] = t.State
		}
	})
	if !maps.Equal(known, tasks) {
		problems = append(problems, fmt.Sprintf("on %s run %v, the master knows %v", name, tasks, known))
	}
	return problems
}

// checkFrameworks asks of every task that it runs, and is known to, or has ended once, or is gone with its agent.
func (c *Cluster) checkFrameworks() (problems []string) {
	var b *book.Book
	c.Master.Do(func(m *master.Master) { b = m.Book() })
	for _, f := range c.Frameworks {
		for _, id := range f.Order {
			if problem := checkTask(b, f, f.Tasks[id]); problem != "" {
				problems = append(problems, fmt.Sprintf("task %s of %s %s: %v", id, f.Name, problem, f.Tasks[id].States()))
			}
		}
	}
	return problems
}

// checkTask compares what a framework was told of a task with the master's book.
func checkTask(b *book.Book, f *Framework, t *Task) (problem string) {
	runs := b.Framework(f.ID) != nil && b.Framework(f.ID).Task(t.ID) != nil
	_, away := b.Unreachable(t.Agent)
	switch {
	case len(t.Ends()) > 1:
		return "ended in several ways"
	case t.Over() && runs:
		return "is over, but runs"
	case t.Over() || t.State() == mesospb.TaskState_TASK_RUNNING && runs:
		return ""
	case t.State() == mesospb.TaskState_TASK_UNREACHABLE && away:
		return ""
	case t.State() == mesospb.TaskState_TASK_UNKNOWN && b.Agent(t.Agent) == nil:
		return ""
	}
	return fmt.Sprintf("is lost in silence (the master knows it: %t)", runs)
}

// Quiet has all frameworks ask what has become of their tasks, lets time pass, and checks that everything is in order. A
// task that ends just then is given the time to be heard of.
func (c *Cluster) Quiet() {
	c.Helper()
	for _, f := range c.Frameworks {
		if f.Living() {
			f.Reconcile()
		}
	}
	c.Advance(30 * time.Second)
	for range 3 {
		if len(c.unrest()) == 0 {
			break
		}
		c.Advance(20 * time.Second)
	}
	c.CheckQuiet()
}
