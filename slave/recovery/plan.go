package recovery

import (
	"fmt"
	"slices"
	"strings"

	"meseta/actors/statusupdate"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/runtime"
	"meseta/slave/checkpoint"
)

// Mode says what an agent does with the executors of the one before it (--recover).
type Mode string

// The modes.
const (
	Reconnect Mode = "reconnect" // it lets them go on
	Cleanup   Mode = "cleanup"   // it ends them, and then itself
)

// ParseMode returns the mode with that name.
func ParseMode(text string) (Mode, error) {
	switch m := Mode(text); m {
	case Reconnect, Cleanup:
		return m, nil
	}
	return "", fmt.Errorf("Unknown option for 'recover' flag %s; use %s or %s", text, Reconnect, Cleanup)
}

// Plan is what an agent has to do because of what an earlier one has left. Its lists are ordered by ID.
type Plan struct {
	Frameworks []Framework
	Streams    []Stream        // status updates to be delivered further
	Orphans    []ids.Container // containers that run and belong to no executor; to be destroyed
	Retired    []string        // directories to be collected as garbage
	Obsolete   []string        // files to be removed
	Warnings   []string        // what cannot be recovered, in Mesos's words

	// Wait reports that executors have --executor_reregistration_timeout to come back, before the agent looks for a
	// master. It is that long even if there is nobody to wait for.
	Wait bool
}

// Framework is a framework with executors that were recovered.
type Framework struct {
	ID        ids.Framework
	Info      *mesospb.FrameworkInfo
	PID       runtime.PID // zero: the scheduler speaks HTTP
	Completed bool        // all its executors have ended
	Executors []Executor
}

// Executor is the latest run of an executor.
type Executor struct {
	ID        ids.Executor
	Info      *mesospb.ExecutorInfo
	Generated bool // by the agent, to run a command task
	Container ids.Container
	Contact   Contact
	PID       runtime.PID // of the executor's driver; zero: it speaks HTTP, or is not known to
	Lost      bool        // the container cannot be alive, because the system was started anew or the executor had ended
	Forked    int         // the operating-system process of the container; 0: it was not recorded, or is lost
	Tasks     []Task
}

// Completed reports whether the executor had ended and all its updates were acknowledged.
func (e Executor) Completed() bool { return e.Contact == Ended }

// Contact is how an agent gets in touch with an executor of the agent before it.
type Contact string

// The ways to an executor.
const (
	Ended        Contact = "ended"          // there is nobody to get in touch with
	Asked        Contact = "asked"          // it is sent a ReconnectExecutorMessage
	Expected     Contact = "expected"       // it speaks HTTP, and subscribes by itself
	Unknown      Contact = "unknown"        // it had not registered: it has the same time as others, but cannot be asked
	ToldToEnd    Contact = "told to end"    // it is sent a ShutdownExecutorMessage
	EndsWhenBack Contact = "ends when back" // it speaks HTTP, and is told to end when it subscribes
	Killed       Contact = "killed"         // its container is destroyed
)

// Task is a task of a run.
type Task struct {
	Info      *mesospb.Task              // as it was given to the executor
	Updates   []*internalpb.StatusUpdate // in order, to the first that is terminal
	Completed bool                       // it is terminal, and that was acknowledged
}

// State is the state of the task by its updates.
func (t Task) State() mesospb.TaskState {
	if len(t.Updates) == 0 {
		return t.Info.GetState()
	}
	return t.Updates[len(t.Updates)-1].GetStatus().GetState()
}

// Stream is the file of a task's updates, and what is in it.
type Stream struct {
	File     string
	Recorded statusupdate.Recorded
}

// Plan determines what follows from what was found. running are the containers of the machine that are not inside of
// others.
//
// Mesos: Slave::recoverFramework, Framework::recoverExecutor, Executor::recoverTask, TaskStatusUpdateManager::recover,
// Slave::_recover.
func (f Found) Plan(root checkpoint.Root, mode Mode, running []ids.Container) Plan {
	id := ids.AgentOf(f.Info.GetId())
	p := &planner{
		mode: mode, rebooted: f.Rebooted(), sandboxes: root.Agent(id), meta: root.Meta().Agent(id), alive: map[ids.Container]bool{},
	}
	if id != "" {
		for _, s := range f.Earlier.Frameworks {
			p.framework(s)
		}
	}
	for _, c := range running {
		if !p.alive[c] {
			p.Orphans = append(p.Orphans, c)
		}
	}
	slices.Sort(p.Orphans)
	p.otherAgents(f.Earlier.Leftovers, id)
	p.unknown(f.Earlier)
	p.Wait = mode == Reconnect && slices.ContainsFunc(p.Frameworks, func(f Framework) bool { return !f.Completed })
	return p.Plan
}

// planner makes a plan.
type planner struct {
	Plan
	mode            Mode
	rebooted        bool
	sandboxes, meta checkpoint.Agent
	alive           map[ids.Container]bool // the containers that may be alive, of executors that are recovered
}

func (p *planner) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

// retire lets directories be collected: of a sandbox, or what holds sandboxes, and of the checkpoints.
func (p *planner) retire(sandbox, meta string) { p.Retired = append(p.Retired, sandbox, meta) }

// otherAgents lets the directories of earlier IDs be collected.
func (p *planner) otherAgents(all []checkpoint.Leftover, id ids.Agent) {
	for _, l := range all {
		within := func(a checkpoint.Agent) bool { return strings.HasPrefix(l.Path+"/", string(a)+"/") }
		if id == "" || !within(p.sandboxes) && !within(p.meta) {
			p.Retired = append(p.Retired, l.Path)
		}
	}
}

// unknown lets sandboxes be collected that belong to no checkpoint, such as those of frameworks without checkpointing.
//
// Differs: Mesos keeps them until the agent has another ID.
func (p *planner) unknown(earlier checkpoint.State) {
	known := map[string]bool{string(p.sandboxes): true}
	for _, f := range earlier.Frameworks {
		framework := p.sandboxes.Framework(f.ID)
		known[string(framework)] = true
		for _, e := range f.Executors {
			executor := framework.Executor(e.ID)
			known[string(executor)] = true
			for _, r := range e.Runs {
				known[string(executor.Run(r.ID))] = true
			}
		}
	}
	for _, l := range earlier.Leftovers {
		if strings.HasPrefix(l.Path, string(p.sandboxes)+"/") && !known[l.Path] {
			p.Retired = append(p.Retired, l.Path)
		}
	}
}

func (p *planner) framework(s checkpoint.FrameworkState) {
	if len(s.Executors) == 0 {
		p.retire(string(p.sandboxes.Framework(s.ID)), string(p.meta.Framework(s.ID)))
		return
	}
	f := Framework{ID: s.ID, Info: s.Info, PID: s.PID, Completed: true}
	for _, e := range s.Executors {
		if x, ok := p.executor(s.ID, e); ok {
			f.Executors = append(f.Executors, x)
			f.Completed = f.Completed && x.Completed()
		}
	}
	if f.Completed {
		p.retire(string(p.sandboxes.Framework(s.ID)), string(p.meta.Framework(s.ID)))
	}
	if len(f.Executors) > 0 {
		p.Frameworks = append(p.Frameworks, f)
	}
}

// executor recovers the latest run of an executor. The others are garbage.
func (p *planner) executor(framework ids.Framework, s checkpoint.ExecutorState) (Executor, bool) {
	sandbox, meta := p.sandboxes.Framework(framework).Executor(s.ID), p.meta.Framework(framework).Executor(s.ID)
	i := slices.IndexFunc(s.Runs, func(r checkpoint.RunState) bool { return r.ID == s.Latest })
	if i < 0 || s.Info == nil {
		p.warn("Skipping recovery of executor '%s' of framework %s because its latest run or executor info cannot be recovered", s.ID, framework)
		p.retire(string(sandbox), string(meta))
		return Executor{}, false
	}
	for _, r := range s.Runs {
		if r.ID != s.Latest || r.Completed {
			p.retire(string(sandbox.Run(r.ID)), string(meta.Run(r.ID)))
		}
	}
	run := s.Runs[i]
	if run.Completed {
		p.retire(string(sandbox), string(meta))
	}
	x := Executor{ID: s.ID, Info: s.Info, Generated: s.Generated, Container: run.ID}
	p.contact(&x, run, meta.Run(run.ID))
	for _, t := range run.Tasks {
		p.task(&x, framework, t, meta.Run(run.ID).Task(t.ID))
	}
	return x, true
}

// contact decides how to get in touch with an executor. After a boot there is none.
//
// Differs: Mesos does not use an address without a recorded process. If the containerizer knows the process, as it mostly
// does, the task stays TASK_RUNNING there, although the agent has given its executor up.
func (p *planner) contact(x *Executor, run checkpoint.RunState, meta checkpoint.Run) {
	if p.rebooted && run.Forked != 0 {
		p.Obsolete = append(p.Obsolete, meta.ForkedPID())
		run.Forked = 0
	}
	x.Forked, x.Lost = run.Forked, p.rebooted || run.Completed
	p.alive[run.ID] = !x.Lost
	ways := map[Mode][3]Contact{Reconnect: {Asked, Expected, Unknown}, Cleanup: {ToldToEnd, EndsWhenBack, Killed}}[p.mode]
	switch {
	case run.Completed:
		x.Contact = Ended
	case !x.Lost && !run.PID.IsZero():
		x.Contact, x.PID = ways[0], run.PID
	case !x.Lost && run.HTTP:
		x.Contact = ways[1]
	default:
		x.Contact = ways[2]
	}
}

// task recovers a task and its updates.
func (p *planner) task(x *Executor, framework ids.Framework, s checkpoint.TaskState, meta checkpoint.Task) {
	if s.Info == nil {
		p.warn("Skipping recovery of task %s because its info cannot be recovered", s.ID)
		return
	}
	t := Task{Info: s.Info}
	for _, u := range s.Updates.Updates {
		t.Updates = append(t.Updates, u)
		if tasks.IsTerminal(u.GetStatus().GetState()) {
			uuid, err := ids.UUIDOf(u.GetUuid())
			t.Completed = err == nil && s.Updates.Acknowledged[uuid]
			break
		}
	}
	x.Tasks = append(x.Tasks, t)
	switch {
	case x.Completed():
	case len(s.Updates.Updates) == 0:
		p.warn("No status updates found for task %s of framework %s", s.ID, framework)
	default:
		p.Streams = append(p.Streams, Stream{File: meta.Updates(), Recorded: s.Updates})
	}
}
