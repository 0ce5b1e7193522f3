package checkpoint_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meseta/messages/ids"
	"meseta/runtime/disk"
	"meseta/runtime/sim"
	"meseta/slave/checkpoint"
)

// recorded returns a disk that holds in /w/meta what a C++ agent with three executors has left, and where its own files
// are.
func recorded(t *testing.T) (*sim.Disk, checkpoint.Agent) {
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
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join("/w/meta", h.Name)
		switch err = d.MkdirAll(filepath.Dir(name), 0o755); h.Typeflag {
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
	latest, err := d.Readlink("/w/meta/slaves/latest")
	if err != nil {
		t.Fatal(err)
	}
	return d, checkpoint.Agent(filepath.Join("/w/meta/slaves", filepath.Base(latest)))
}

// summary tells what of a state an agent would recover.
func summary(s checkpoint.State) string {
	var b strings.Builder
	for _, f := range s.Frameworks {
		fmt.Fprintf(&b, "%s info:%t pid:%t %v\n", suffix(string(f.ID)), f.Info != nil, f.Recorded, f.PID.ID)
		for _, e := range f.Executors {
			fmt.Fprintf(&b, "  %s info:%t generated:%t runs:%d\n", e.ID, e.Info != nil, e.Generated, len(e.Runs))
			for _, r := range e.Runs {
				fmt.Fprintf(&b, "    latest:%t completed:%t forked:%t http:%t pid:%s\n",
					r.ID == e.Latest, r.Completed, r.Forked > 0, r.HTTP, r.PID.ID)
				for _, task := range r.Tasks {
					fmt.Fprintf(&b, "      %s %s updates:%d acknowledged:%d\n",
						task.ID, task.Info.GetName(), len(task.Updates.Updates), len(task.Updates.Acknowledged))
				}
			}
		}
	}
	return b.String()
}

func suffix(id string) string { return id[strings.LastIndex(id, "-"):] }

// An agent of ours finds what a C++ agent has left.
func TestReadsWhatTheReferenceHasWritten(t *testing.T) {
	t.Parallel()
	d, _ := recorded(t)
	s, err := checkpoint.Read(d, "/w", true)
	if err != nil {
		t.Fatal(err)
	}
	const want = `-0000 info:true pid:true 
  cmd-1 info:true generated:true runs:1
    latest:true completed:false forked:true http:false pid:executor(1)
      cmd-1 cmd-1 updates:2 acknowledged:2
  grp info:true generated:false runs:1
    latest:true completed:false forked:true http:true pid:
      grp-1 grp-1 updates:2 acknowledged:2
      grp-2 grp-2 updates:2 acknowledged:2
  hold info:true generated:false runs:1
    latest:true completed:false forked:true http:false pid:executor(1)
      hold-1 hold-1 updates:1 acknowledged:1
      hold-2 hold-2 updates:1 acknowledged:1
`
	if got := summary(s); got != want {
		t.Errorf("found\n%s", got)
	}
	if s.Info.GetHostname() != "localhost" || s.Boot == "" || s.Drain != nil || s.Errors != 0 || len(s.Warnings) != 0 {
		t.Errorf("found %v, boot %q, drain %v, warnings %q", s.Info, s.Boot, s.Drain, s.Warnings)
	}
}

// The recorded ways of damage to the command task's files, and whether the reference starts then, strict or not, and
// knows itself and the task.
//
// Recorded in golden/recovery/7-corrupt-checkpoints.txt.
func TestReadsDamagedRecords(t *testing.T) {
	t.Parallel()
	const junk = "\x10\x00\x00\x00junkjunkjunkjunk"
	const ok, refused = true, false
	// What is damaged: a path below the agent's directory, or below meta, if it begins with a slash.
	for _, c := range []struct {
		path    string
		damage  string // what the file is replaced with; "-7": its last bytes are cut; "+…": something is added; "removed"
		strict  bool
		lenient bool
		agent   bool // the agent is known when it starts
		task    bool // the task is
		errors  int
	}{
		{"task.updates", "-7", ok, ok, true, true, 0},
		{"task.updates", "+" + junk, refused, ok, true, true, 1},
		{"task.updates", "", ok, ok, true, false, 0},
		{"task.updates", "removed", ok, ok, true, false, 0},
		{"task.info", junk, refused, ok, true, false, 1},
		{"task.info", "", ok, ok, true, false, 0},
		{"task.info", "removed", ok, ok, true, false, 0},
		{"executor.info", junk, refused, ok, true, false, 1},
		{"executor.info", "", ok, ok, true, false, 0},
		{"executor.info", "removed", ok, ok, true, false, 0},
		{"framework.info", junk, refused, ok, true, false, 1},
		{"framework.info", "", ok, ok, true, false, 0},
		{"framework.pid", "", ok, ok, true, false, 0},
		{"framework.pid", "removed", ok, ok, true, false, 0},
		{"slave.info", junk, refused, ok, false, false, 1},
		{"slave.info", "", ok, ok, false, false, 0},
		{"slave.info", "removed", ok, ok, false, false, 0},
		{"forked.pid", "", ok, ok, true, true, 0},
		{"forked.pid", "junk", refused, refused, true, true, 0},
		{"libprocess.pid", "", ok, ok, true, true, 0},
		{"libprocess.pid", "removed", ok, ok, true, true, 0},
		{"runs/latest", "removed", ok, ok, true, false, 0},
		{"slaves/latest", "removed", ok, ok, false, false, 0},
		{"the run", "removed", ok, ok, true, false, 0}, // as by an agent that was killed while it deleted the executor; not recorded
		{"boot_id", "removed", ok, ok, true, true, 0},
	} {
		for _, strict := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s %.3q strict=%t", c.path, c.damage, strict), func(t *testing.T) {
				t.Parallel()
				d, agent := recorded(t)
				damage(t, d, places(t, d, agent)[c.path], c.damage)
				s, err := checkpoint.Read(d, "/w", strict)
				if starts := strict && c.strict || !strict && c.lenient; (err == nil) != starts {
					t.Fatalf("reading ends with %v", err)
				}
				if err != nil {
					if !strings.Contains(err.Error(), filepath.Base(c.path)) {
						t.Errorf("the error does not name the file: %v", err)
					}
					return
				}
				if (s.Info != nil) != c.agent || recoverable(s) != c.task || s.Errors != c.errors {
					t.Errorf("agent %t, task %t, %d errors; want %t, %t, %d\n%s\n%q",
						s.Info != nil, recoverable(s), s.Errors, c.agent, c.task, c.errors, summary(s), s.Warnings)
				}
			})
		}
	}
}

// recoverable reports whether the task cmd-1 is to be found with a state.
func recoverable(s checkpoint.State) bool {
	for _, f := range s.Frameworks {
		for _, e := range f.Executors {
			if e.Info == nil || e.ID != "cmd-1" {
				continue
			}
			for _, r := range e.Runs {
				if r.ID == e.Latest && len(r.Tasks) > 0 && r.Tasks[0].Info != nil && len(r.Tasks[0].Updates.Updates) > 0 {
					return true
				}
			}
		}
	}
	return false
}

// places names the files of the command task.
func places(t *testing.T, d disk.Disk, agent checkpoint.Agent) map[string]string {
	t.Helper()
	all, err := d.ReadDir(filepath.Join(string(agent), "frameworks"))
	if err != nil || len(all) == 0 {
		t.Fatal(err)
	}
	framework := agent.Framework(ids.Framework(all[0].Name()))
	executor := framework.Executor("cmd-1")
	latest, err := d.Readlink(executor.LatestRun())
	if err != nil {
		t.Fatal(err)
	}
	run := executor.Run(ids.Container(filepath.Base(latest)))
	root := checkpoint.Root("/w").Meta()
	return map[string]string{
		"task.updates": run.Task("cmd-1").Updates(), "task.info": run.Task("cmd-1").Info(),
		"executor.info": executor.Info(), "framework.info": framework.Info(), "framework.pid": framework.PID(),
		"slave.info": agent.Info(), "forked.pid": run.ForkedPID(), "libprocess.pid": run.LibprocessPID(),
		"the run": string(run), "runs/latest": executor.LatestRun(), "slaves/latest": root.LatestAgent(), "boot_id": root.BootID(),
	}
}

func damage(t *testing.T, d disk.Disk, path, how string) {
	t.Helper()
	if how == "removed" {
		if err := d.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		return
	}
	content, err := disk.ReadFile(d, path)
	switch {
	case err != nil:
		t.Fatal(err)
	case how == "-7":
		content = content[:len(content)-7]
	case strings.HasPrefix(how, "+"):
		content = append(content, how[1:]...)
	default:
		content = []byte(how)
	}
	if err := disk.Replace(d, path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
