package blackbox

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"meseta/actors/election/zookeepertest"
)

// leaderOf is the part of a registry in which two masters differ.
var leaderOf = regexp.MustCompile(`"master":\{"info":\{.*?"version":"[^"]*"\}\}`)

// hasRegistry demands that a leading master has a registry that was recorded.
func hasRegistry(t *testing.T, m *process, recorded []byte) {
	t.Helper()
	status, got := m.get("/registrar(1)/registry")
	if status != http.StatusOK || leaderOf.ReplaceAllString(got, "") != leaderOf.ReplaceAllString(string(recorded), "") {
		t.Errorf("the registry is %d\n%s\nrecorded\n%s", status, got, recorded)
	}
}

// Three masters take the place of C++ masters with --quorum=2: one of them is started in the work directory of one of these. Each
// that leads has the registry of the C++ masters, also after the first leader was killed.
func TestTakingOverFromAGroupOfOtherMasters(t *testing.T) {
	t.Parallel()
	answer, err := os.ReadFile(shared(t, "golden/registry/registry.http"))
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	m := newMasters(t, 3, "--zk=zk://"+zookeepertest.Start(t).Address+"/mesos", "--quorum=2")
	if err := os.CopyFS(filepath.Join(m.dir[1], "replicated_log"), os.DirFS(shared(t, "golden/registry/replicated_log"))); err != nil {
		t.Fatal(err)
	}
	for i := range m.port {
		m.start(i)
	}
	first := m.leader()
	m.all[first].awaits("master recovered from the registry")
	hasRegistry(t, m.all[first], body)
	m.all[first].kill()
	m.all[first] = nil
	second := m.all[m.leader(first)]
	second.awaits("master recovered from the registry")
	hasRegistry(t, second, body)
}

// A master that is started in the work directory of a C++ master has its registry, and keeps it when it is started again. A
// log that cannot be read keeps it from starting.
func TestTakingOverFromAnotherMaster(t *testing.T) {
	t.Parallel()
	answer, err := os.ReadFile(shared(t, "golden/registry/registry.http"))
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	dir := t.TempDir()
	log := filepath.Join(dir, "replicated_log")
	if err := os.CopyFS(log, os.DirFS(shared(t, "golden/registry/replicated_log"))); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"the registry of a C++ master was taken over", "master recovered from the registry"} {
		m := startMaster(t, "0", dir)
		m.awaits(says)
		m.awaits("master recovered from the registry")
		hasRegistry(t, m, body)
		if status, weights := m.get("/weights"); status != http.StatusOK || !strings.Contains(weights, `"weight":2.5`) {
			t.Errorf("weights: %d %s", status, weights)
		}
		m.kill()
	}

	table := filepath.Join(log, "000040.ldb")
	if err := os.Remove(table); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := os.Rename(log, filepath.Join(other, "replicated_log")); err != nil {
		t.Fatal(err)
	}
	status, out := does(t, nil, "mesos-master", "--ip=127.0.0.1", "--port=0", "--work_dir="+other)
	if status != 1 || !strings.Contains(out, "cannot be taken over") || !strings.Contains(out, "move the directory away") {
		t.Errorf("with a log that lacks a file: %d\n%s", status, out)
	}
}

// The way of docs/cpp-masters.md there and back: a master in the work directory of a C++ master, whose registry changes then, leaves
// a log for the C++ master, written from its work directory or from what it answered. Who starts on that log, as the C++ master
// would, has all of it, and the log that was there before is not touched.
func TestTheWayBackToAnotherMaster(t *testing.T) {
	t.Parallel()
	recorded := shared(t, "golden/registry/replicated_log")
	dir, place := t.TempDir(), t.TempDir()
	log := filepath.Join(dir, "replicated_log")
	if err := os.CopyFS(log, os.DirFS(recorded)); err != nil {
		t.Fatal(err)
	}
	m := startMaster(t, "0", dir)
	m.awaits("the registry of a C++ master was taken over")
	m.awaits("master recovered from the registry")
	if a := request(t, m, http.MethodPut, "/weights", nil, `[{"role": "way", "weight": 7.5}]`); !strings.HasPrefix(a.status, "200 ") {
		t.Fatalf("weights: %s", a.status)
	}
	_, answered := m.get("/registrar(1)/registry")
	if !strings.Contains(answered, `"way"`) {
		t.Fatalf("the registry does not change: %s", answered)
	}
	kept := filepath.Join(place, "registry.json")
	status, shown := does(t, nil, "mesos", "registry", "show", "http://"+m.address)
	if err := os.WriteFile(kept, []byte(shown), 0o600); err != nil || status != 0 {
		t.Fatalf("registry show: %d, %v\n%s", status, err, shown)
	}
	m.kill()

	for name, source := range map[string]string{"directory": dir, "answer": kept} {
		back := filepath.Join(place, name)
		exported := filepath.Join(back, "replicated_log")
		if status, out := does(t, nil, "mesos", "registry", "export", exported, source); status != 0 {
			t.Fatalf("export of the %s: %d\n%s", name, status, out)
		}
		if status, out := does(t, nil, "mesos", "registry", "show", exported); status != 0 || out != shown {
			t.Errorf("the log made of the %s shows, with %d\n%s\nwant\n%s", name, status, out, shown)
		}
		next := startMaster(t, "0", back)
		next.awaits("the registry of a C++ master was taken over")
		next.awaits("master recovered from the registry")
		hasRegistry(t, next, []byte(answered))
		next.kill()
	}
	sameFiles(t, recorded, log)
}

// sameFiles demands that the files of a recorded directory are in another one, with the same contents, and no others.
func sameFiles(t *testing.T, recorded, dir string) {
	t.Helper()
	theirs, err := os.ReadDir(recorded)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range theirs {
		want, err := os.ReadFile(filepath.Join(recorded, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, f.Name())); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s has changed: %v", f.Name(), err)
		}
	}
	if ours, err := os.ReadDir(dir); err != nil || len(ours) != len(theirs) {
		t.Errorf("%d files, recorded %d, %v", len(ours), len(theirs), err)
	}
}
