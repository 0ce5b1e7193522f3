package validate

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/tasks"
	"meseta/messages/validate"
)

// RegisterAgent returns an error if the registration of a new agent is invalid.
func RegisterAgent(m *internalpb.RegisterSlaveMessage) error {
	if err := agentInfo(m.GetSlave()); err != nil {
		return err
	}
	if len(m.GetCheckpointedResources()) > 0 && !m.GetSlave().GetCheckpoint() {
		return errors.New("checkpointed resources of an agent that does not checkpoint")
	}
	return resources.ValidateAll(m.GetCheckpointedResources())
}

// Reports validates what agents report when they re-register. It remembers what the latest resources came to, because those
// of many tasks, and of the agents of a cluster, are the same messages.
type Reports struct {
	agents, tasks resources.Latest[error]
	held          resources.Latest[reported]

	frameworks     map[ids.Framework]bool // of the message
	amounts, named []resources.Resources  // likewise
}

// Validate returns an error if a re-registration is invalid.
func (r *Reports) Validate(m *internalpb.ReregisterSlaveMessage) error {
	if m.GetSlave().GetId().GetValue() == "" {
		return errors.New("the agent has no ID")
	}
	if err := agentID(m.GetSlave()); err != nil {
		return err
	}
	if err := r.agents.Of(m.GetSlave().GetResources(), resources.ValidateAll); err != nil {
		return err
	}
	if err := resources.ValidateAll(m.GetCheckpointedResources()); err != nil {
		return err
	}
	if err := r.readFrameworks(m.GetFrameworks()); err != nil {
		return err
	}
	executors, err := reportedExecutors(m.GetExecutorInfos(), r.frameworks)
	if err != nil {
		return err
	}
	for _, t := range m.GetTasks() {
		if err := reportedTask(t, m.GetSlave(), r.frameworks, executors, &r.tasks); err != nil {
			return fmt.Errorf("task '%s': %w", t.GetTaskId().GetValue(), err)
		}
	}
	return r.once(m)
}

// once returns an error if a port, or another numbered or named resource, is held twice, or if amounts do not
// add up.
//
// Differs: Mesos does not check this, and aborts when one of the two is returned.
func (r *Reports) once(m *internalpb.ReregisterSlaveMessage) error {
	r.amounts, r.named = r.amounts[:0], r.named[:0]
	note := func(ps []*mesospb.Resource) {
		held := r.held.Of(ps, report)
		r.amounts = append(r.amounts, held.amounts)
		if !held.named.IsEmpty() {
			r.named = append(r.named, held.named)
		}
	}
	for _, t := range m.GetTasks() {
		if !tasks.IsTerminal(t.GetState()) {
			note(t.GetResources())
		}
	}
	for _, e := range m.GetExecutorInfos() {
		note(e.GetResources())
	}
	if overlap(r.named...) {
		return errors.New("resources of its tasks and executors overlap")
	}
	if resources.Sum(r.amounts...).IsSaturated() {
		return errors.New("resources of its tasks and executors add up to more than can be counted")
	}
	return nil
}

// reported is what an agent reports of a task or an executor: amounts, which add up, and what can be used once.
type reported struct{ amounts, named resources.Resources }

func report(ps []*mesospb.Resource) reported {
	rs := resources.FromValid(ps).Unallocate()
	return reported{
		amounts: rs.Filter(func(r resources.Resource) bool { return r.Type() == resources.ScalarType }),
		named:   rs.Filter(func(r resources.Resource) bool { return r.Type() != resources.ScalarType }),
	}
}

func agentInfo(info *mesospb.SlaveInfo) error {
	if err := agentID(info); err != nil {
		return err
	}
	return resources.ValidateAll(info.GetResources())
}

func agentID(info *mesospb.SlaveInfo) error {
	if info.Id != nil {
		if err := validate.ID(info.GetId().GetValue()); err != nil {
			return in("agent ID", err)
		}
	}
	return nil
}

func (r *Reports) readFrameworks(infos []*mesospb.FrameworkInfo) error {
	if clear(r.frameworks); r.frameworks == nil {
		r.frameworks = map[ids.Framework]bool{}
	}
	for _, info := range infos {
		id := ids.FrameworkOf(info.GetId())
		if err := Framework(info); err != nil {
			return fmt.Errorf("framework '%s': %w", id, err)
		}
		if id == "" || r.frameworks[id] {
			return fmt.Errorf("the framework ID '%s' is missing or comes twice", id)
		}
		r.frameworks[id] = true
	}
	return nil
}

func reportedExecutors(infos []*mesospb.ExecutorInfo, frameworks map[ids.Framework]bool) (map[book.ExecutorKey]bool, error) {
	known := map[book.ExecutorKey]bool{}
	for _, info := range infos {
		key := book.ExecutorKey{Framework: ids.FrameworkOf(info.GetFrameworkId()), Executor: ids.ExecutorOf(info.GetExecutorId())}
		if err := executorInfo(info); err != nil {
			return nil, fmt.Errorf("executor '%s': %w", key.Executor, err)
		}
		if err := resources.ValidateAll(info.GetResources()); err != nil {
			return nil, fmt.Errorf("executor '%s': %w", key.Executor, err)
		}
		if !frameworks[key.Framework] {
			return nil, fmt.Errorf("executor '%s' is of the unknown framework '%s'", key.Executor, key.Framework)
		}
		if known[key] {
			return nil, fmt.Errorf("executor '%s' of framework '%s' comes twice", key.Executor, key.Framework)
		}
		known[key] = true
	}
	return known, nil
}

func reportedTask(
	t *mesospb.Task, agent *mesospb.SlaveInfo, frameworks map[ids.Framework]bool, executors map[book.ExecutorKey]bool, latest *resources.Latest[error],
) error {
	framework := ids.FrameworkOf(t.GetFrameworkId())
	switch {
	case ids.AgentOf(t.GetSlaveId()) != ids.AgentOf(agent.GetId()):
		return fmt.Errorf("it is on another agent: '%s'", t.GetSlaveId().GetValue())
	case !frameworks[framework]:
		return fmt.Errorf("it is of the unknown framework '%s'", framework)
	case t.ExecutorId != nil && t.GetState() == mesospb.TaskState_TASK_RUNNING &&
		!executors[book.ExecutorKey{Framework: framework, Executor: ids.ExecutorOf(t.ExecutorId)}]:
		return fmt.Errorf("it has the unknown executor '%s'", t.GetExecutorId().GetValue())
	}
	if err := validate.ID(t.GetTaskId().GetValue()); err != nil {
		return err
	}
	return latest.Of(t.GetResources(), resources.ValidateAll)
}

// AgentVersion returns an error for agents before version 1.0.0, with which the master does not work.
func AgentVersion(version string) error {
	core, _, _ := strings.Cut(version, "-")
	core, _, _ = strings.Cut(core, "+")
	parts := strings.Split(core, ".")
	if len(parts) > 3 {
		return fmt.Errorf("%q is not a version", version)
	}
	var major uint64
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return fmt.Errorf("%q is not a version", version)
		}
		if i == 0 {
			major = n
		}
	}
	if major < 1 {
		return fmt.Errorf("version %s is older than 1.0.0, the oldest that is supported", version)
	}
	return nil
}
