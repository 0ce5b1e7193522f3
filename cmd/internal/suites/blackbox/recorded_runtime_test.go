package blackbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/slavepb"
	"meseta/slave/checkpoint"
	"meseta/slave/slavetest/recording"
)

// What differs between the runtime directories of two agents with the same tasks, and what stands for it.
var differingRecords = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`: +`), ": "},
	{uuid, "ID"},
	{regexp.MustCompile(`ID-[0-9]{4}`), "FRAMEWORK"},
	{regexp.MustCompile(`ID-S[0-9]+`), "AGENT"},
	{regexp.MustCompile(`127\.0\.0\.1:[0-9]+`), "ADDRESS"},
	{regexp.MustCompile(`while [^"]* done; echo [a-z0-9-]+ done`), "COMMAND"},
	{regexp.MustCompile(`(?s)(name: "disk"\s+type: SCALAR\s+scalar: {\s+value: )[0-9]+`), "${1}SIZE"}, // of an executor
	{regexp.MustCompile(`sh -c 'while.*\.\.\.'`), "COMMAND"},
}

// runtimeRecords are the records of a container: what is in each file, by its name.
type runtimeRecords map[string]string

// add adds a file. Records are decoded already; what is nothing but a number is shown as one.
func (r runtimeRecords) add(name string, mode os.FileMode, text string, m proto.Message, replacements ...string) {
	if m != nil {
		text = prototext.MarshalOptions{Multiline: true}.Format(m)
	}
	text = strings.NewReplacer(replacements...).Replace(text)
	for _, d := range differingRecords {
		text = d.pattern.ReplaceAllString(text, d.by)
	}
	if m == nil {
		text = regexp.MustCompile(`^[0-9]+$`).ReplaceAllString(text, "a number")
	}
	r[name] = fmt.Sprintf("%04o %s", mode, text)
}

// roleOf says what a container is, by its configuration.
func roleOf(id string, config *slavepb.ContainerConfig) string {
	switch {
	case strings.Contains(id, "."):
		return "a task of a group"
	case config.GetTaskInfo() != nil:
		return "a command"
	case config.GetExecutorInfo().GetType().String() == "DEFAULT":
		return "a group"
	}
	return "an executor"
}

// recordedRuntime returns what a C++ agent has written about its containers.
func recordedRuntime(t *testing.T) map[string]runtimeRecords {
	t.Helper()
	tree, err := recording.ReadTree(shared(t, "golden/recovery/1-restart-before-trees.txt"), nil)
	if err != nil {
		t.Fatal(err)
	}
	const dir = "/var/lib/mesos/a-runtime"
	all := map[string]runtimeRecords{}
	for _, path := range tree.Under(dir) {
		if filepath.Base(path) != "config" {
			continue
		}
		folder := filepath.Dir(path)
		config := tree[path].Records[0].(*slavepb.ContainerConfig)
		if strings.HasPrefix(config.GetExecutorInfo().GetExecutorId().GetValue(), "nock") { // wants no checkpoints
			continue
		}
		records := runtimeRecords{}
		for _, file := range tree.Under(folder) {
			if f := tree[file]; filepath.Dir(file) == folder && f.Kind == 'f' {
				var m proto.Message
				if len(f.Records) > 0 {
					m = f.Records[0]
				}
				records.add(filepath.Base(file), f.Mode, f.Text, m, "/var/lib/mesos/a/", "WORK/", "/usr/local/libexec/mesos", "PROGRAMS")
			}
		}
		id := strings.ReplaceAll(strings.TrimPrefix(folder, dir+"/containers/"), "/containers/", ".")
		all[roleOf(id, config)] = records
	}
	return all
}

// runtimeOf returns what our agent has written about its containers.
func runtimeOf(t *testing.T, dir, work string) map[string]runtimeRecords {
	t.Helper()
	configs, err := filepath.Glob(filepath.Join(dir, "containers/*/config"))
	nested, err2 := filepath.Glob(filepath.Join(dir, "containers/*/containers/*/config"))
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	all := map[string]runtimeRecords{}
	for _, name := range append(configs, nested...) {
		folder := filepath.Dir(name)
		records, config := runtimeOfOne(t, folder, work)
		id := strings.ReplaceAll(strings.TrimPrefix(folder, dir+"/containers/"), "/containers/", ".")
		all[roleOf(id, config)] = records
	}
	return all
}

// runtimeOfOne returns what is written about a container.
func runtimeOfOne(t *testing.T, folder, work string) (runtimeRecords, *slavepb.ContainerConfig) {
	t.Helper()
	config, records := &slavepb.ContainerConfig{}, runtimeRecords{}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.IsDir() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, f.Name()))
		about, err2 := f.Info()
		m := map[string]proto.Message{"config": config, "launch_info": &slavepb.ContainerLaunchInfo{}}[f.Name()]
		var err3 error
		if m != nil {
			err3 = checkpoint.Decode(content, m)
		}
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}
		records.add(f.Name(), about.Mode().Perm(), string(content), m,
			work+"/", "WORK/", bin, "PROGRAMS", `"default-executor"`, `"grp"`, "/default-executor/", "/grp/")
	}
	return records, config
}

// likeRecorded is a task such as those of the recording.
func likeRecorded(id string, until gate) string {
	resource := `{"name": %q, "type": "SCALAR", "scalar": {"value": %v}}`
	return fmt.Sprintf(`{"name": %q, "task_id": {"value": %[1]q}, "agent_id": {"value": ""}, "resources": [%s, %s], "command": {"shell": true, "value": %q}}`,
		id, fmt.Sprintf(resource, "cpus", 0.1), fmt.Sprintf(resource, "mem", 32), until.wait()+"; echo "+id+" done")
}

// An agent writes about its containers what a C++ agent writes, which could take them over.
func TestRecordedRuntime(t *testing.T) {
	t.Parallel()
	want := recordedRuntime(t)
	work, dir, until := t.TempDir(), t.TempDir(), newGate(t)
	master := startMaster(t, "0", t.TempDir())
	startAgent(t, "0", master.address, work, "--runtime_dir="+dir, "--launcher=posix", "--isolation=posix/cpu,posix/mem").awaits("] registered ")
	single := start(t, nil, "mesos-execute", "--master="+master.address, "--checkpoint", "--task="+likeRecorded("cmd-1", until))
	group := start(t, nil, "mesos-execute", "--master="+master.address, "--checkpoint",
		`--task_group={"tasks": [`+likeRecorded("grp-1", until)+", "+likeRecorded("grp-2", until)+"]}")
	single.awaits("TASK_RUNNING")
	group.awaits("TASK_RUNNING")
	got := runtimeOf(t, dir, work)
	for _, role := range []string{"a command", "a group", "a task of a group"} {
		if d := cmp.Diff(want[role], got[role]); d != "" {
			t.Errorf("%s (-recorded +ours):\n%s", role, d)
		}
	}
	until.open(t)
	single.ended(0, "TASK_FINISHED")
	group.ended(0, "TASK_FINISHED")
}
