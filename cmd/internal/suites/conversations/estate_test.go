package conversations

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/checkpoint"
	"meseta/slave/containerizer"
	"meseta/slave/slavetest"
	"meseta/slave/slavetest/recording"
)

// recordedContainers are those that an agent has left, or launches in place of recorded ones.
type recordedContainers struct {
	*slavetest.Containers
	pids     map[ids.Container]uint32
	recorded map[ids.Executor]ids.Container // that the recorded agent has launched
	nested   map[string]uint32              // IDs of processes of recorded nested containers, by the names of these
	forked   map[ids.Executor]string        // recorded files with IDs of processes
	early    map[string]bool                // names of nested ones whose status is asked for before they run
	launched func(ours, recorded ids.Container)
}

// Launch implements [containerizer.Containerizer].
func (c *recordedContainers) Launch(l containerizer.Launch) runtime.Future[struct{}] {
	x := ids.Executor(l.Config.GetExecutorInfo().GetExecutorId().GetValue())
	if l.ID.Parent() != "" {
		c.pids[l.ID] = c.nested[l.ID.Proto().GetValue()]
	} else if recorded := c.recorded[x]; recorded != "" {
		c.launched(l.ID, recorded)
		if pid := c.forked[x]; pid != "" {
			if err := errors.Join(checkpoint.RunOf(l.PIDFile).Make(disk.Local{}), os.WriteFile(l.PIDFile, []byte(pid), 0o600)); err != nil {
				return runtime.Failed[struct{}](err)
			}
		}
	}
	return c.Containers.Launch(l)
}

// Status implements [containerizer.Containerizer]. Calls that launch nested containers, and updates, are on connections of their own, so
// that either may have come first in the recording.
func (c *recordedContainers) Status(id ids.Container) runtime.Future[*mesospb.ContainerStatus] {
	name := id.Proto().GetValue()
	switch pid, nested := c.nested[name]; {
	case c.early[name]:
		c.early[name] = false
		return runtime.Failed[*mesospb.ContainerStatus](containerizer.ErrUnknown)
	case nested && c.pids[id] == 0 && pid != 0:
		return runtime.Ready(&mesospb.ContainerStatus{ContainerId: id.Proto(), ExecutorPid: &pid})
	}
	return runtime.Then(c.Containers.Status(id), func(s *mesospb.ContainerStatus) (*mesospb.ContainerStatus, error) {
		s.ExecutorPid = nil
		if pid := c.pids[id]; pid != 0 {
			s.ExecutorPid = &pid
		}
		return s, nil
	})
}

// left puts a recorded tree where the agent finds it, and has the containers run that are in it.
func (p *player) left(tree recording.Tree) {
	p.t.Helper()
	if err := tree.Write(theirWork+"/meta", filepath.Join(p.dir, "meta")); err != nil {
		p.t.Fatal(err)
	}
	p.system.Boot = strings.TrimSpace(tree[theirWork+"/meta/boot_id"].Text)
	for _, path := range tree.Under(theirWork + "/meta/slaves") {
		dir, name := filepath.Split(path)
		if executor, runs := strings.CutSuffix(dir, "/runs/"); runs && name != "latest" && tree[path+"/executor.sentinel"] == nil {
			p.runs(tree, executor, ids.Container(name))
		}
	}
}

// begins has the containers that our agent launches be those that the recorded one has launched, of which the tree, which may be nil,
// is what that has written.
func (p *player) begins(tree recording.Tree) {
	c := p.containers
	c.launched = func(ours, recorded ids.Container) {
		p.uuids.container(string(ours), string(recorded))
		c.pids[ours] = c.pids[recorded]
	}
	for _, m := range p.recorded {
		u := updateOf(m.Body)
		s := u.GetStatus().GetContainerStatus()
		switch id := ids.ContainerOf(s.GetContainerId()); {
		case s == nil || m.Sender() != theirAgent:
		case id.Parent() != "":
			name := s.GetContainerId().GetValue()
			if _, known := c.nested[name]; !known {
				c.early[name] = s.ExecutorPid == nil
			}
			c.recorded[ids.ExecutorOf(u.GetExecutorId())], c.nested[name] = id.Root(), max(c.nested[name], s.GetExecutorPid())
		default:
			c.recorded[ids.ExecutorOf(u.GetExecutorId())], c.pids[id] = id, s.GetExecutorPid()
		}
	}
	for path, f := range tree {
		if executor, _, found := strings.Cut(path, "/runs/"); found && strings.HasSuffix(path, "/pids/forked.pid") {
			c.forked[ids.Executor(filepath.Base(executor))] = f.Text
		}
	}
	if boot := tree[theirWork+"/meta/boot_id"]; boot != nil {
		p.system.Boot = strings.TrimSpace(boot.Text)
	}
}

// runs has a container run, with those that are nested in it.
func (p *player) runs(tree recording.Tree, executor string, id ids.Container) {
	run := executor + "/runs/" + string(id)
	info, _ := tree[executor+"/executor.info"].Records[0].(*mesospb.ExecutorInfo)
	p.containers.Launch(containerizer.Launch{ID: id, Config: &slavepb.ContainerConfig{ExecutorInfo: info}})
	if pid := tree[run+"/pids/libprocess.pid"]; pid != nil && pid.Text != "" {
		p.voice(pid.Text)
		p.drivers[ids.Executor(info.GetExecutorId().GetValue())] = pid.Text
	}
	for _, path := range tree.Under(run + "/tasks") {
		for _, r := range tree[path].Records {
			if record, ok := r.(*internalpb.StatusUpdateRecord); ok {
				c := record.GetUpdate().GetStatus().GetContainerStatus()
				if pid := c.GetExecutorPid(); pid != 0 {
					p.containers.pids[id] = pid
				}
				if nested := ids.ContainerOf(c.GetContainerId()); nested.Parent() == id {
					p.containers.Launch(containerizer.Launch{ID: nested})
				}
			}
		}
	}
}

// exits ends the container of an executor with a wait status.
func (p *player) exits(x ids.Executor, status int32) {
	p.t.Helper()
	p.containers.EndWith(p.container(x), &slavepb.ContainerTermination{Status: &status})
	p.silence(x)
	p.Settle()
}

// forgets removes the containers of executors, as if the machine was started anew.
func (p *player) forgets(executors ...ids.Executor) {
	p.t.Helper()
	for _, x := range executors {
		p.exits(x, 0)
		p.containers.Remove(p.container(x))
	}
}

// silence ends the process of an executor's driver, if it has one.
func (p *player) silence(x ids.Executor) {
	if driver := p.drivers[x]; driver != "" {
		pid, _ := runtime.ParsePID(driver)
		p.Kill(pid.Addr)
		delete(p.nodes, pid.Addr)
		delete(p.voices, driver)
	}
}

// bootedSince makes the machine one that was started anew since the earlier agent ran.
func (p *player) bootedSince() {
	p.t.Helper()
	err := os.WriteFile(filepath.Join(p.dir, "meta/boot_id"), []byte("the boot before"), 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
}
