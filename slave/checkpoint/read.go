package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/actors/statusupdate"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/disk"
)

// Read reads what an earlier run of the agent left in a work directory. It blocks. A record that is missing or empty,
// because the agent died before it was written, is not an error; what depends on it is not recovered. A damaged record
// is an error if strict is set, and otherwise counts as missing. A torn record at the end of a task's updates is normal
// after a crash.
//
// Mesos: slave::state::recover.
func Read(d disk.Disk, root Root, strict bool) (State, error) {
	r := &reader{disk: d, strict: strict}
	s := State{}
	if r.exists(root.Meta().BootID()) {
		boot, err := r.text(root.Meta().BootID(), "boot id")
		if err != nil {
			return State{}, err
		}
		s.Boot = strings.TrimSpace(boot)
	}
	resources, err := r.resources(root.Meta())
	if err != nil {
		return State{}, err
	}
	s.Resources = resources
	latest, err := r.link(root.Meta().LatestAgent())
	if err != nil {
		return State{}, fmt.Errorf("Failed to find latest agent: %w", err)
	}
	if latest != "" {
		if err := r.agent(&s, root.Meta().Agent(ids.Agent(latest))); err != nil {
			return State{}, err
		}
	}
	s.Leftovers = append(r.leftovers(root, latest), r.leftovers(root.Meta(), latest)...)
	s.Warnings, s.Errors = r.warnings, r.errors
	return s, nil
}

// reader reads checkpoints and collects warnings.
type reader struct {
	disk     disk.Disk
	strict   bool
	warnings []string
	errors   int
}

func (r *reader) agent(s *State, at Agent) error {
	info := &mesospb.SlaveInfo{}
	found, err := r.message(at.Info(), "agent info", info)
	if err != nil || !found {
		return err
	}
	s.Info = info
	s.Drain = r.drain(at)
	if s.Operations, err = r.operations(at); err != nil {
		return err
	}
	for _, name := range r.directories(filepath.Join(string(at), "frameworks")) {
		f, err := r.framework(at.Framework(ids.Framework(name)), ids.Framework(name))
		if err != nil {
			return fmt.Errorf("Failed to recover framework %s: %w", name, err)
		}
		s.Frameworks = append(s.Frameworks, f)
	}
	return nil
}

// drain returns nil if the agent was not draining. As in Mesos, damage is never an error here.
func (r *reader) drain(at Agent) *mesospb.DrainConfig {
	if !r.exists(at.DrainConfig()) {
		return nil
	}
	lenient, config := &reader{disk: r.disk}, &mesospb.DrainConfig{}
	found, _ := lenient.message(at.DrainConfig(), "agent state file", config)
	r.warnings, r.errors = append(r.warnings, lenient.warnings...), r.errors+lenient.errors
	if !found {
		return nil
	}
	return config
}

func (r *reader) framework(at Framework, id ids.Framework) (FrameworkState, error) {
	s, info := FrameworkState{ID: id}, &mesospb.FrameworkInfo{}
	found, err := r.message(at.Info(), "framework info", info)
	if err != nil || !found {
		return s, err
	}
	s.Info = info
	pid, err := r.text(at.PID(), "framework pid")
	if err != nil || pid == "" {
		return s, err
	}
	s.Recorded = true
	s.PID, _ = runtime.ParsePID(pid) // a scheduler that uses HTTP has none
	for _, name := range r.directories(filepath.Join(string(at), "executors")) {
		e, err := r.executor(at.Executor(ids.Executor(name)), ids.Executor(name))
		if err != nil {
			return s, fmt.Errorf("Failed to recover executor '%s': %w", name, err)
		}
		s.Executors = append(s.Executors, e)
	}
	return s, nil
}

func (r *reader) executor(at Executor, id ids.Executor) (ExecutorState, error) {
	s, info := ExecutorState{ID: id}, &mesospb.ExecutorInfo{}
	latest, err := r.link(at.LatestRun())
	if errors.Is(err, errDangling) { // the agent was killed while it deleted what it does not need any more
		r.warn("Dangling 'latest' run symlink of executor '%s'", id)
		err = nil
	}
	if err != nil {
		return s, fmt.Errorf("Failed to find latest run of executor '%s': %w", id, err)
	}
	s.Latest = ids.Container(latest)
	for _, name := range r.directories(filepath.Dir(at.LatestRun())) {
		run, err := r.run(at.Run(ids.Container(name)), ids.Container(name))
		if err != nil {
			return s, fmt.Errorf("Failed to recover run %s of executor '%s': %w", name, id, err)
		}
		s.Runs = append(s.Runs, run)
	}
	if latest == "" {
		r.warn("Failed to find the latest run of executor '%s'", id)
		return s, nil
	}
	if found, err := r.message(at.Info(), "executor info", info); err != nil || !found {
		return s, err
	}
	s.Info = info
	if r.exists(at.Generated()) { // agents before Mesos 1.5 did not write it
		generated, err := r.text(at.Generated(), "whether the executor was generated")
		s.Generated = generated == "1"
		return s, err
	}
	return s, nil
}

func (r *reader) run(at Run, id ids.Container) (RunState, error) {
	s := RunState{ID: id, Completed: r.exists(at.Sentinel())}
	for _, name := range r.directories(filepath.Join(string(at), "tasks")) {
		t, err := r.task(at.Task(ids.Task(name)), ids.Task(name))
		if err != nil {
			return s, fmt.Errorf("Failed to recover task %s: %w", name, err)
		}
		s.Tasks = append(s.Tasks, t)
	}
	forked, err := r.text(at.ForkedPID(), "executor forked pid")
	if err != nil {
		return s, err
	}
	if forked != "" {
		if s.Forked, err = strconv.Atoi(forked); err != nil { // an error even if not strict, as in Mesos
			return s, fmt.Errorf("Failed to parse forked pid '%s' from pid file '%s'", forked, at.ForkedPID())
		}
	}
	switch {
	case r.exists(at.LibprocessPID()):
		pid, err := r.text(at.LibprocessPID(), "executor libprocess pid")
		s.PID, _ = runtime.ParsePID(pid) // an executor that has not registered cannot be reached
		return s, err
	case r.exists(at.HTTPMarker()):
		s.HTTP = true
	default:
		r.warn("Failed to find 'libprocess.pid' or 'http.marker' for container %s", id)
	}
	return s, nil
}

func (r *reader) task(at Task, id ids.Task) (TaskState, error) {
	s, info := TaskState{ID: id}, &mesospb.Task{}
	found, err := r.message(at.Info(), "task info", info)
	if err != nil || !found {
		return s, err
	}
	s.Info = info
	content, found, err := r.content(at.Updates(), "status updates")
	if err != nil || !found {
		return s, err
	}
	s.Updates, err = statusupdate.Decode(content)
	if err != nil {
		err = r.damaged("Failed to read status updates file '%s': %w", at.Updates(), err)
	}
	return s, err
}

// ---- what records are read with ----

func (r *reader) warn(format string, args ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf(format, args...))
}

// damaged returns an error, or adds a warning if reading is not strict.
func (r *reader) damaged(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if r.strict {
		return err
	}
	r.warnings = append(r.warnings, err.Error())
	r.errors++
	return nil
}

// content reads a file and reports whether it has any content. what names it in warnings.
func (r *reader) content(path, what string) (content []byte, found bool, err error) {
	content, err = disk.ReadFile(r.disk, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.warn("Failed to find %s file '%s'", what, path)
		return nil, false, nil
	case err != nil:
		return nil, false, r.damaged("Failed to read %s from '%s': %w", what, path, err)
	case len(content) == 0:
		r.warn("Found empty %s file '%s'", what, path)
		return nil, false, nil
	}
	return content, true, nil
}

// message reads a record into m and reports whether it exists.
func (r *reader) message(path, what string, m proto.Message) (found bool, err error) {
	content, found, err := r.content(path, what)
	if !found {
		return false, err
	}
	if err := Decode(content, m); err != nil {
		return false, r.damaged("Failed to read %s from '%s': %w", what, path, err)
	}
	return true, nil
}

// text reads a record that is a string. It returns "" if there is none.
func (r *reader) text(path, what string) (string, error) {
	content, _, err := r.content(path, what)
	return string(content), err
}

// link returns the last element of the target of a symbolic link, which must exist, or "" if there is no link.
func (r *reader) link(name string) (string, error) {
	target, err := r.disk.Readlink(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	// The work directory may have been moved since the link was made.
	base := filepath.Base(target)
	if !r.exists(filepath.Join(filepath.Dir(name), base)) {
		return "", fmt.Errorf("%s leads to %s, %w", name, target, errDangling)
	}
	return base, nil
}

// errDangling means that a link leads to nothing.
var errDangling = errors.New("which does not exist")

func (r *reader) exists(name string) bool {
	_, err := r.disk.Lstat(name)
	return err == nil
}

// directories returns the subdirectories of a directory, sorted. The directory need not exist.
func (r *reader) directories(name string) []string {
	entries, err := r.disk.ReadDir(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.warn("Failed to list '%s': %v", name, err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// leftovers returns the directories of other IDs of the agent, and of every framework, executor and run of the current
// one.
func (r *reader) leftovers(root Root, current string) []Leftover {
	var found []Leftover
	add := func(path string) {
		if info, err := r.disk.Lstat(path); err == nil {
			found = append(found, Leftover{Path: path, Used: info.ModTime()})
		}
	}
	for _, id := range r.directories(root.Agents()) {
		agent := root.Agent(ids.Agent(id))
		if id != current {
			add(string(agent))
			continue
		}
		for _, f := range r.directories(filepath.Join(string(agent), "frameworks")) {
			framework := agent.Framework(ids.Framework(f))
			add(string(framework))
			for _, e := range r.directories(filepath.Join(string(framework), "executors")) {
				executor := framework.Executor(ids.Executor(e))
				add(string(executor))
				for _, run := range r.directories(filepath.Dir(executor.LatestRun())) {
					add(string(executor.Run(ids.Container(run))))
				}
			}
		}
	}
	return found
}
