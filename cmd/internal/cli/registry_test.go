package cli_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recordedRegistry returns the path of a recording, or skips the test where there are none.
func recordedRegistry(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("MESETA_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared")
	}
	path := filepath.Join(dir, "golden/registry", name)
	if _, err := os.Stat(path); err != nil {
		t.Skip("the recordings are not here; MESETA_SHARED tells where they are")
	}
	return path
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return b.String()
}

// The registry of a C++ master is shown, imported, exported, and imported from what was exported, and stays the same.
func TestRegistryOfAnotherMaster(t *testing.T) {
	t.Parallel()
	log := recordedRegistry(t, "replicated_log")
	answer, err := os.ReadFile(recordedRegistry(t, "registry.http"))
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	dir := t.TempDir()
	ours, exported, again := filepath.Join(dir, "ours"), filepath.Join(dir, "cpp", "replicated_log"), filepath.Join(dir, "again")
	file := filepath.Join(dir, "registry.json")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	does := func(want string, args ...string) {
		t.Helper()
		if out, err := mesos(t, nil, append([]string{"registry"}, args...)...); err != nil || !strings.Contains(out, want) {
			t.Fatalf("%v: %q, %v, want %q", args, out, err, want)
		}
	}
	const all = "2 agents, 0 unreachable and 1 gone ones, 2 weights, 1 quotas"
	does("Imported "+all, "import", ours, log)
	does("Wrote "+all, "export", exported, ours)
	does("Imported "+all, "import", again, filepath.Dir(exported))
	for _, source := range []string{log, file, ours, filepath.Join(ours, "registry.db"), exported, again} {
		out, err := mesos(t, nil, "registry", "show", source)
		if err != nil {
			t.Fatal(err)
		}
		if got := compact(t, out); got != string(body) {
			t.Errorf("%s: got\n%s\nrecorded\n%s", source, got, body)
		}
	}
	if err := os.Mkdir(filepath.Join(again, "consensus"), 0o700); err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]string{
		"show " + again:                            "belongs to a master of a group",
		"import " + ours + " " + log:               "there is a registry already",
		"import " + again + " " + log:              "belongs to a master of a group",
		"export " + exported + " " + ours:          "the directory is not empty",
		"show " + dir:                              "holds neither registry.db",
		"show " + filepath.Join(dir, "nowhere"):    "no such file",
		"show ftp://127.0.0.1:1":                   "is not http://host:port",
		"show a b":                                 "unexpected argument",
		"import":                                   "needs <work-dir>",
		"show " + recordedRegistry(t, "INDEX.txt"): "INDEX.txt",
	} {
		if out, err := mesos(t, nil, append([]string{"registry"}, strings.Fields(command)...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("mesos registry %s: %q, %v, want an error with %q", command, out, err, want)
		}
	}
}

// The registry of a running master is taken from its endpoint. That of a standby, which has read none, is refused.
func TestRegistryOfARunningMaster(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	text := `{"master":{"info":{"id":"m","ip":1,"port":5050}},"weights":[{"info":{"role":"r","weight":2.0}}]}`
	c.Config.Handler.(*http.ServeMux).HandleFunc("/registrar(1)/registry", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write([]byte(text)); err != nil {
			t.Error(err)
		}
	})
	for _, args := range [][]string{{"--master=" + c.URL, "registry", "show"}, {"registry", "show", c.URL}} {
		out, err := mesos(t, nil, args...)
		if err != nil || !strings.Contains(out, `"weight": 2.0`) {
			t.Errorf("%v: %q, %v", args, out, err)
		}
	}
	text = "{}"
	if _, err := mesos(t, nil, "registry", "show", c.URL); err == nil || !strings.Contains(err.Error(), "names no master") {
		t.Errorf("an empty registry: %v", err)
	}
}
