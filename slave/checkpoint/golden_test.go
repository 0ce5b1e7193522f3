package checkpoint_test

import (
	"io/fs"
	"path/filepath"
	"strconv"
	"testing"

	"meseta/runtime/disk"
	"meseta/runtime/sim"
	"meseta/slave/checkpoint"
)

// What was read of a C++ agent's checkpoints is written again with the same names and the same bytes. Updates are compared
// where they are written, in actors/statusupdate.
func TestWritesWhatTheReferenceHasWritten(t *testing.T) {
	t.Parallel()
	theirs, at := recorded(t)
	s, err := checkpoint.Read(theirs, "/w", true)
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t)
	d.write(again(s, at))
	want, got := files(t, theirs), files(t, d.disk)
	for name, content := range want {
		if got[name] != content {
			t.Errorf("%s holds %q, want %q", name, got[name], content)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("the reference has no %s", name)
		}
	}
	if len(want) < 20 {
		t.Errorf("only %d files were compared", len(want))
	}
}

// again is what an agent with this state has written.
func again(s checkpoint.State, at checkpoint.Agent) (r checkpoint.Records) {
	const root = checkpoint.Root("/w/meta")
	r.Text(root.BootID(), s.Boot)
	r.Message(at.Info(), s.Info)
	r.Link(string(at), root.LatestAgent())
	for _, f := range s.Frameworks {
		framework := at.Framework(f.ID)
		r.Message(framework.Info(), f.Info)
		r.Text(framework.PID(), "@0.0.0.0:0") // all of them speak HTTP
		for _, e := range f.Executors {
			executor := framework.Executor(e.ID)
			r.Message(executor.Info(), e.Info)
			r.Flag(executor.Generated(), e.Generated)
			for _, run := range e.Runs {
				place := executor.Run(run.ID)
				r.Run(place)
				r.Link(string(place), executor.LatestRun())
				r.Text(place.ForkedPID(), strconv.Itoa(run.Forked))
				if run.HTTP {
					r.Marker(place.HTTPMarker())
				} else {
					r.Text(place.LibprocessPID(), run.PID.String())
				}
				for _, task := range run.Tasks {
					r.Message(place.Task(task.ID).Info(), task.Info)
				}
			}
		}
	}
	return r
}

// files are the contents of files and the last elements of links, without those of other records.
func files(t *testing.T, d *sim.Disk) map[string]string {
	t.Helper()
	all := map[string]string{}
	var walk func(dir string)
	walk = func(dir string) {
		entries, err := d.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			switch name := filepath.Join(dir, e.Name()); {
			case e.IsDir() && e.Name() != "resource_provider_registry":
				walk(name)
			case e.IsDir(), e.Name() == "task.updates":
			case e.Type() == fs.ModeSymlink:
				target, err := d.Readlink(name)
				if err != nil {
					t.Fatal(err)
				}
				all[name] = "→ " + filepath.Base(target)
			default:
				content, err := disk.ReadFile(d, name)
				if err != nil {
					t.Fatal(err)
				}
				all[name] = string(content)
			}
		}
	}
	walk("/w/meta")
	return all
}
