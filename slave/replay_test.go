package slave_test

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meseta/messages/evolve"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/v1/executorv1pb"
	"meseta/runtime"
	"meseta/slave/containerizer"
	"meseta/slave/slavetest"
)

// unpack puts the checkpoints of a C++ agent into the meta directory of a work directory.
func unpack(t *testing.T, name, dir string) {
	t.Helper()
	f, err := os.Open(filepath.Join(filepath.Dir(recordings(t)), "recovery", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for files := tar.NewReader(f); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "meta", h.Name)
		err = os.MkdirAll(filepath.Dir(path), 0o755)
		switch h.Typeflag {
		case tar.TypeDir:
			err = errors.Join(err, os.MkdirAll(path, 0o755))
		case tar.TypeSymlink:
			err = errors.Join(err, os.Symlink(h.Linkname, path))
		default:
			content, rerr := io.ReadAll(files)
			err = errors.Join(err, rerr, os.WriteFile(path, content, h.FileInfo().Mode()))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// takeover is an agent on the checkpoints of a C++ agent, whose executors still run.
type takeover struct {
	*world
}

const grp = "grp" // the executor of the recording that uses HTTP

// takeOver starts the agent. The executor that uses HTTP subscribes when it can.
func takeOver(t *testing.T) *takeover {
	k := &takeover{}
	var frameworks []string
	k.world = newWorld(t, func(w *world) {
		k.world = w
		silent(w)
		w.config.Hostname, w.config.Attributes = "localhost", "rack:r1;zone:z1"
		w.config.Resources = "cpus:4;mem:4096;disk:8192;ports:[31000-32000]"
		w.config.ExecutorReregistration = 10 * time.Second
		unpack(t, "1-restart-meta-before.tar", w.dir)
		boot, err := os.ReadFile(filepath.Join(w.dir, "meta/boot_id"))
		if err != nil {
			t.Fatal(err)
		}
		w.system.Boot = strings.TrimSpace(string(boot))
		frameworks, _ = filepath.Glob(filepath.Join(w.dir, "meta/slaves/*/frameworks/*"))
		runs, _ := filepath.Glob(filepath.Join(w.dir, "meta/slaves/*/frameworks/*/executors/*/runs/*-*"))
		for _, run := range runs {
			w.containers.Launch(containerizer.Launch{ID: ids.Container(filepath.Base(run))})
		}
		w.early = func() { k.startExecutors(runs) }
	})
	if len(frameworks) != 1 {
		t.Fatalf("the recording has the frameworks %q", frameworks)
	}
	answer := k.post("/slave(1)/api/v1/executor", mediatype.Protobuf, evolve.Evolve[executorv1pb.Call](&executorpb.Call{
		Type: executorpb.Call_SUBSCRIBE.Enum(), FrameworkId: ids.Framework(filepath.Base(frameworks[0])).Proto(),
		ExecutorId: ids.Executor(grp).Proto(), Subscribe: &executorpb.Call_Subscribe{},
	}))
	if answer.Status != http.StatusOK {
		t.Fatalf("the subscription was answered %d %s", answer.Status, answer.Body)
	}
	k.Advance(20 * time.Second)
	return k
}

// startExecutors starts what runs in the recorded runs.
func (k *takeover) startExecutors(runs []string) {
	k.t.Helper()
	for _, run := range runs {
		content, err := os.ReadFile(filepath.Join(run, "pids/libprocess.pid"))
		if err != nil { // it uses HTTP
			continue
		}
		pid, err := runtime.ParsePID(string(content))
		if err != nil {
			k.t.Fatal(err)
		}
		parts := strings.Split(run, string(filepath.Separator))
		at := slices.Index(parts, "executors")
		x := &slavetest.Executor{Framework: ids.Framework(parts[at-1]), ID: ids.Executor(parts[at+1]), Silent: true}
		if _, err := runtime.Spawn(k.Node(pid.Addr), pid.ID, x); err != nil {
			k.t.Fatal(err)
		}
		k.executors = append(k.executors, x)
	}
}

// shown is what an agent shows of what it runs.
type shown struct{ Frameworks []shownFramework }

type shownFramework struct {
	Name      string
	Executors []shownExecutor
}

type shownExecutor struct {
	ID    string
	Tasks []struct {
		ID, State string
		Statuses  []struct{ State string }
	}
}

func readShown(t *testing.T, body []byte) (s shown) {
	t.Helper()
	if err := json.Unmarshal(body, &s); err != nil {
		t.Fatal(err)
	}
	s.Frameworks = slices.DeleteFunc(s.Frameworks, func(f shownFramework) bool { return f.Name == "nock" }) // it wants no checkpoints
	for _, f := range s.Frameworks {
		slices.SortFunc(f.Executors, func(a, b shownExecutor) int { return strings.Compare(a.ID, b.ID) }) // of a map in C++
	}
	return s
}

// What an agent that takes the place of a C++ agent shows of its tasks is what that has shown before it was restarted.
//
// Recorded in golden/recovery/1-restart-before/agent-state.http.
func TestTakingOverShows(t *testing.T) {
	t.Parallel()
	k := takeOver(t)
	recorded := readRecording(t, filepath.Join(filepath.Dir(recordings(t)), "recovery/1-restart-before/agent-state.http"))
	if d := cmp.Diff(readShown(t, []byte(recorded.body)), readShown(t, k.get("/state"))); d != "" {
		t.Errorf("the state differs (-recorded +ours):\n%s", d)
	}
}
