package recovery_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime/disk"
	"meseta/runtime/sim"
	"meseta/slave/checkpoint"
	"meseta/slave/recovery"
)

// left is a disk with what a C++ agent has left in /w/meta: executor cmd-1 of a command task, hold with two tasks, and grp
// of a task group.
func left(t *testing.T) *sim.Disk {
	t.Helper()
	f, err := os.Open(shared(t, "golden/recovery/1-restart-meta-before.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := sim.New(1).Disk("10.0.0.1:1")
	for files := tar.NewReader(f); ; {
		h, err := files.Next()
		if err == io.EOF {
			return d
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join("/w/meta", h.Name)
		err = d.MkdirAll(filepath.Dir(name), 0o755)
		switch h.Typeflag {
		case tar.TypeDir:
			err = errors.Join(err, d.MkdirAll(name, 0o755))
		case tar.TypeSymlink:
			err = errors.Join(err, d.Symlink(h.Linkname, name))
		default:
			content, rerr := io.ReadAll(files)
			err = errors.Join(err, rerr, disk.Replace(d, name, content, 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// found is what an agent finds there; boot is that of the system.
func found(t *testing.T, d *sim.Disk, boot string) recovery.Found {
	t.Helper()
	earlier, err := checkpoint.Read(d, "/w", true)
	if err != nil {
		t.Fatal(err)
	}
	now := &mesospb.SlaveInfo{}
	if earlier.Info != nil {
		now = proto.CloneOf(earlier.Info)
	}
	if boot == "" {
		boot = earlier.Boot
	}
	return recovery.Found{Info: now, Boot: boot, Earlier: earlier}
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// describe tells a plan, with a letter for each UUID.
func describe(p recovery.Plan) string {
	var b strings.Builder
	for _, f := range p.Frameworks {
		fmt.Fprintf(&b, "framework completed:%t\n", f.Completed)
		for _, e := range f.Executors {
			fmt.Fprintf(&b, "  %s %s pid:%s alive:%t\n", e.ID, e.Contact, e.PID.ID, !e.Lost)
			for _, t := range e.Tasks {
				fmt.Fprintf(&b, "    %s %s completed:%t\n", t.Info.GetName(), t.State(), t.Completed)
			}
		}
	}
	fmt.Fprintf(&b, "streams:%d orphans:%d wait:%t", len(p.Streams), len(p.Orphans), p.Wait)
	for _, path := range p.Retired {
		fmt.Fprintf(&b, "\nretired %s", path)
	}
	for _, path := range p.Obsolete {
		fmt.Fprintf(&b, "\nobsolete %s", path)
	}
	for _, w := range p.Warnings {
		fmt.Fprintf(&b, "\n%s", w)
	}
	letters := map[string]string{}
	return uuids.ReplaceAllStringFunc(b.String(), func(uuid string) string {
		if letters[uuid] == "" {
			letters[uuid] = string(rune('A' + len(letters)))
		}
		return letters[uuid]
	})
}

const (
	tasksOfCommand = "    cmd-1 TASK_RUNNING completed:false\n"
	tasksOfGroup   = "    grp-1 TASK_RUNNING completed:false\n    grp-2 TASK_RUNNING completed:false\n"
	tasksOfHold    = "    hold-1 TASK_RUNNING completed:false\n    hold-2 TASK_RUNNING completed:false\n"
)

const framework = "/frameworks/A-0000"

// situations are those of the files of golden/recovery that begin with their names, and what an agent does in them.
var situations = []struct {
	situation string
	mode      recovery.Mode
	boot      string
	// change is a file or link to be removed: below an executor's run, or below the agent if it begins with a slash;
	// "+…" is one to be made below each run.
	change string
	want   string
}{
	{"1-restart", recovery.Reconnect, "", "", "framework completed:false\n" +
		"  cmd-1 asked pid:executor(1) alive:true\n" + tasksOfCommand +
		"  grp expected pid: alive:true\n" + tasksOfGroup +
		"  hold asked pid:executor(1) alive:true\n" + tasksOfHold + "streams:5 orphans:0 wait:true"},
	{"4-cleanup", recovery.Cleanup, "", "", "framework completed:false\n" +
		"  cmd-1 told to end pid:executor(1) alive:true\n" + tasksOfCommand +
		"  grp ends when back pid: alive:true\n" + tasksOfGroup +
		"  hold told to end pid:executor(1) alive:true\n" + tasksOfHold + "streams:5 orphans:0 wait:false"},
	{"6-boot-id", recovery.Reconnect, "another", "", "framework completed:false\n" +
		"  cmd-1 unknown pid: alive:false\n" + tasksOfCommand +
		"  grp unknown pid: alive:false\n" + tasksOfGroup +
		"  hold unknown pid: alive:false\n" + tasksOfHold + "streams:5 orphans:3 wait:true\n" +
		"obsolete /w/meta/slaves/A-S0" + framework + "/executors/cmd-1/runs/B/pids/forked.pid\n" +
		"obsolete /w/meta/slaves/A-S0" + framework + "/executors/grp/runs/C/pids/forked.pid\n" +
		"obsolete /w/meta/slaves/A-S0" + framework + "/executors/hold/runs/D/pids/forked.pid"},
	{"7, an executor that is unknown", recovery.Reconnect, "", "cmd-1/pids/libprocess.pid", "framework completed:false\n" +
		"  cmd-1 unknown pid: alive:true\n" + tasksOfCommand +
		"  grp expected pid: alive:true\n" + tasksOfGroup +
		"  hold asked pid:executor(1) alive:true\n" + tasksOfHold + "streams:5 orphans:0 wait:true"},
	{"4-cleanup of one that is unknown", recovery.Cleanup, "", "cmd-1/pids/libprocess.pid", "framework completed:false\n" +
		"  cmd-1 killed pid: alive:true\n" + tasksOfCommand +
		"  grp ends when back pid: alive:true\n" + tasksOfGroup +
		"  hold told to end pid:executor(1) alive:true\n" + tasksOfHold + "streams:5 orphans:0 wait:false"},
	{"7, a process that is unknown", recovery.Reconnect, "", "cmd-1/pids/forked.pid", "framework completed:false\n" +
		"  cmd-1 asked pid:executor(1) alive:true\n" + tasksOfCommand +
		"  grp expected pid: alive:true\n" + tasksOfGroup +
		"  hold asked pid:executor(1) alive:true\n" + tasksOfHold + "streams:5 orphans:0 wait:true"},
	{"7, a task without updates", recovery.Reconnect, "", "cmd-1/tasks/cmd-1/task.updates", "framework completed:false\n" +
		"  cmd-1 asked pid:executor(1) alive:true\n    cmd-1 TASK_STAGING completed:false\n" +
		"  grp expected pid: alive:true\n" + tasksOfGroup +
		"  hold asked pid:executor(1) alive:true\n" + tasksOfHold + "streams:4 orphans:0 wait:true\n" +
		"No status updates found for task cmd-1 of framework A-0000"},
	{"7, a task without info", recovery.Reconnect, "", "cmd-1/tasks/cmd-1/task.info", "framework completed:false\n" +
		"  cmd-1 asked pid:executor(1) alive:true\n" +
		"  grp expected pid: alive:true\n" + tasksOfGroup +
		"  hold asked pid:executor(1) alive:true\n" + tasksOfHold + "streams:4 orphans:0 wait:true\n" +
		"Skipping recovery of task cmd-1 because its info cannot be recovered"},
	{"7, an executor without latest run", recovery.Reconnect, "", "cmd-1/../latest", "framework completed:false\n" +
		"  grp expected pid: alive:true\n" + tasksOfGroup +
		"  hold asked pid:executor(1) alive:true\n" + tasksOfHold + "streams:4 orphans:1 wait:true\n" +
		"retired /w/slaves/A-S0" + framework + "/executors/cmd-1\n" +
		"retired /w/meta/slaves/A-S0" + framework + "/executors/cmd-1\n" +
		"Skipping recovery of executor 'cmd-1' of framework A-0000 because its latest run or executor info cannot be recovered"},
	{"4-cleanup, the next start", recovery.Reconnect, "", "+executor.sentinel", "framework completed:true\n" +
		"  cmd-1 ended pid: alive:false\n" + tasksOfCommand +
		"  grp ended pid: alive:false\n" + tasksOfGroup +
		"  hold ended pid: alive:false\n" + tasksOfHold + "streams:0 orphans:3 wait:false\n" +
		retired("cmd-1", "B") + retired("grp", "C") + retired("hold", "D") +
		"retired /w/slaves/A-S0/frameworks/A-0000\nretired /w/meta/slaves/A-S0/frameworks/A-0000"},
	{"7, a framework without PID", recovery.Reconnect, "", "/frameworks/*/framework.pid", "streams:0 orphans:3 wait:false\n" +
		"retired /w/slaves/A-S0/frameworks/A-0000\nretired /w/meta/slaves/A-S0/frameworks/A-0000"},
	{"7, no latest agent", recovery.Reconnect, "", "/../latest", "streams:0 orphans:3 wait:false\nretired /w/meta/slaves/A-S0"},
}

// What an agent does in the recorded situations.
func TestPlan(t *testing.T) {
	t.Parallel()
	for _, c := range situations {
		t.Run(c.situation, func(t *testing.T) {
			t.Parallel()
			d := left(t)
			running := containers(d)
			modify(t, d, c.change)
			if got := describe(found(t, d, c.boot).Plan("/w", c.mode, running)); got != c.want {
				t.Errorf("the plan is\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// retired are the directories of an executor and its only run.
func retired(executor, run string) (all string) {
	for _, path := range []string{"/executors/" + executor + "/runs/" + run, "/executors/" + executor} {
		for _, root := range []string{"/w", "/w/meta"} {
			all += "retired " + root + "/slaves/A-S0/frameworks/A-0000" + path + "\n"
		}
	}
	return all
}

// runs are the directories of the latest runs, by executor.
func runs(d *sim.Disk) (dirs []string) {
	latest, _ := d.Readlink("/w/meta/slaves/latest")
	frameworks, _ := d.ReadDir("/w/meta/slaves/" + filepath.Base(latest) + "/frameworks")
	for _, f := range frameworks {
		at := filepath.Join("/w/meta/slaves", filepath.Base(latest), "frameworks", f.Name(), "executors")
		executors, _ := d.ReadDir(at)
		for _, e := range executors {
			run, _ := d.Readlink(filepath.Join(at, e.Name(), "runs/latest"))
			dirs = append(dirs, filepath.Join(at, e.Name(), "runs", filepath.Base(run)))
		}
	}
	return dirs
}

func containers(d *sim.Disk) (all []ids.Container) {
	for _, run := range runs(d) {
		all = append(all, ids.Container(filepath.Base(run)))
	}
	return all
}

// modify makes the change of a situation.
func modify(t *testing.T, d *sim.Disk, change string) {
	t.Helper()
	if change == "" {
		return
	}
	for _, run := range runs(d) {
		executor := filepath.Base(filepath.Dir(filepath.Dir(run)))
		var err error
		switch name, made := strings.CutPrefix(change, "+"); {
		case made:
			err = disk.Replace(d, filepath.Join(run, name), nil, 0o644)
		case strings.HasPrefix(change, "/"):
			agent, rest, _ := strings.Cut(run, "/frameworks/")
			framework, _, _ := strings.Cut(rest, "/")
			err = d.RemoveAll(filepath.Join(agent, strings.ReplaceAll(change, "*", framework)))
		case strings.HasPrefix(change, executor+"/"):
			err = d.Remove(filepath.Join(run, strings.TrimPrefix(change, executor+"/")))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A task ends with its first terminal update, and is completed when that was acknowledged; a terminal stream is not
// resumed by the manager, which drops it. Older runs are garbage.
func TestPlanOfEndedTasks(t *testing.T) {
	t.Parallel()
	d := left(t)
	f := found(t, d, "")
	executor := &f.Earlier.Frameworks[0].Executors[0]
	old := executor.Runs[0]
	old.ID, old.Completed = "old", true
	executor.Runs = append(executor.Runs, old)
	updates := &executor.Runs[0].Tasks[0].Updates
	last := proto.CloneOf(updates.Updates[len(updates.Updates)-1])
	last.Status.State, last.Uuid = mesospb.TaskState_TASK_FINISHED.Enum(), make([]byte, 16)
	updates.Updates = append(updates.Updates, last, updates.Updates[0])
	for _, acknowledged := range []bool{false, true} {
		updates.Acknowledged[ids.UUID{}] = acknowledged
		p := f.Plan("/w", recovery.Reconnect, nil)
		task := p.Frameworks[0].Executors[0].Tasks[0]
		if task.State() != mesospb.TaskState_TASK_FINISHED || task.Completed != acknowledged {
			t.Errorf("the task is %v, completed %t", task.State(), task.Completed)
		}
		if len(p.Retired) != 2 || !strings.HasSuffix(p.Retired[0], "/executors/cmd-1/runs/old") {
			t.Errorf("retired are %q", p.Retired)
		}
	}
}

func TestParseMode(t *testing.T) {
	t.Parallel()
	if m, err := recovery.ParseMode("cleanup"); err != nil || m != recovery.Cleanup {
		t.Errorf("got %q, %v", m, err)
	}
	if _, err := recovery.ParseMode("no"); err == nil || !strings.Contains(err.Error(), "flag no; use reconnect or cleanup") {
		t.Errorf("got %v", err)
	}
}
