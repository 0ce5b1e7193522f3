package mapreduce_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unicode"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/actors/registrar"
	"meseta/cmd/internal/program"
	"meseta/cmd/internal/program/driver"
	"meseta/cmd/mesos-mapreduce/mapreduce"
	"meseta/cmd/mesos-mapreduce/mapreduce/input"
	"meseta/cmd/mesos-mapreduce/mapreduce/job"
	"meseta/cmd/mesos-mapreduce/mapreduce/jobtracker"
	"meseta/cmd/mesos-mapreduce/mapreduce/tasktracker"
	"meseta/master"
	"meseta/master/api"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave"
	"meseta/slave/executor"
	"meseta/slave/processtree"
)

// asTaskTracker, in the environment, makes this test program the executor that the agents start.
const asTaskTracker = "MAPREDUCE_TEST_TASK_TRACKER"

func TestMain(m *testing.M) {
	if os.Getenv(asTaskTracker) == "" {
		os.Exit(m.Run())
	}
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	err = driver.RunExecutor(&program.Options{}, func(n *runtime.Node, env executor.Environment) (*executor.Driver, error) {
		return tasktracker.Start(n, dir, env, executor.Options{})
	})
	if err != nil {
		panic(err)
	}
}

// cluster is a master and agents of this process, on loopback, whose executors are real processes.
type cluster struct {
	t      *testing.T
	master string
	log    zerolog.Logger
}

func newCluster(t *testing.T, agents int) *cluster {
	t.Helper()
	c := &cluster{t: t, log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)}
	node := c.node()
	c.master = node.Addr()
	registry, err := runtime.Spawn(node, node.NewID("registrar"), registrar.New(&registrar.Memory{}, registrar.Defaults()))
	if err != nil {
		t.Fatal(err)
	}
	leader := &election.Standalone{}
	_, err = runtime.Spawn(node, "master", master.New(master.Defaults(), master.Partners{
		Serve:     api.Serve,
		Registrar: registry, Contender: election.StandaloneContender{Elected: leader.Appoint}, Detector: leader,
	}))
	if err != nil {
		t.Fatal(err)
	}
	for i := range agents {
		c.agent(fmt.Sprintf("node%d", i))
	}
	return c
}

// node starts a node that is closed with the test.
func (c *cluster) node() *runtime.Node {
	c.t.Helper()
	o := program.Options{Network: program.Network{IP: "127.0.0.1"}}
	node, err := o.Start(c.log, program.Node{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { runtimetest.Close(c.t, node) })
	return node
}

func (c *cluster) agent(name string) {
	c.t.Helper()
	node := c.node()
	d, err := election.Parse(context.Background(), node, c.master, election.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	config := slave.Defaults()
	config.Detector, config.WorkDir, config.RegistrationBackoff = d, c.t.TempDir(), 0
	config.Resources, config.Attributes = "cpus:2;mem:512;disk:1000;ports:[]", "node:"+name
	if _, err := slave.Spawn(node, config); err != nil {
		c.t.Fatal(err)
	}
}

func parse(t *testing.T, text string) resources.Resources {
	t.Helper()
	r, err := resources.Parse(text, "*")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// run runs jobs to their end and returns the result. watch, if not nil, sees every snapshot.
func (c *cluster) run(config mapreduce.Config, watch func(mapreduce.Snapshot)) mapreduce.Result {
	t := c.t
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	config.Output = t.TempDir()
	config.Task, config.TaskTracker = parse(t, "cpus:0.5;mem:64"), parse(t, "cpus:0.1;mem:64")
	config.Node, config.SlowStart = "node", 0.5
	config.Command = &mesospb.CommandInfo{Shell: proto.Bool(false), Value: &self, Arguments: []string{self}, Environment: &mesospb.Environment{
		Variables: []*mesospb.Environment_Variable{{Name: proto.String(asTaskTracker), Value: proto.String("1")}},
	}}
	config.Progress = watch
	over := make(chan mapreduce.Result, 1)
	config.Over = func(r mapreduce.Result) { over <- r }
	info := &mesospb.FrameworkInfo{
		Name:         proto.String("MapReduce"),
		Capabilities: []*mesospb.FrameworkInfo_Capability{{Type: mesospb.FrameworkInfo_Capability_RESERVATION_REFINEMENT.Enum()}},
	}
	d, err := mapreduce.Start(c.node(), info, c.master, config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		d.Stop(false)
		d.Join()
	}()
	select {
	case r := <-over:
		return r
	case <-t.Context().Done():
		t.Fatal("not over in time")
	}
	panic("unreachable")
}

// corpus writes text files and returns them with the count of every word in them, made independently.
func corpus(t *testing.T) ([]input.File, map[string]int64) {
	t.Helper()
	dir := t.TempDir()
	want := map[string]int64{}
	for i := range 12 {
		var b strings.Builder
		for k := range 3000 {
			fmt.Fprintf(&b, "line %d of file%d: the_word%d, the end.\n", k, i, (k*7+i)%101)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%02d.txt", i)), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, w := range strings.FieldsFunc(b.String(), func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			want[w]++
		}
	}
	files, err := input.Find([]string{dir}, "*.txt")
	if err != nil {
		t.Fatal(err)
	}
	return files, want
}

// counts reads the result of a job.
func counts(t *testing.T, parts []string) map[string]int64 {
	t.Helper()
	got := map[string]int64{}
	for _, path := range parts {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		last := ""
		for s := bufio.NewScanner(f); s.Scan(); {
			p, err := job.ParseResult(s.Text())
			if err != nil {
				t.Fatal(err)
			}
			if p.Key <= last {
				t.Fatalf("%s: %q comes after %q", path, p.Key, last)
			}
			last = p.Key
			got[p.Key] = p.Value.N
		}
	}
	return got
}

// Real agents run real task trackers on real text; the counts are those of an independent count.
func TestCluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	files, want := corpus(t)
	r := c.run(mapreduce.Config{
		Jobs: []job.Spec{{Name: "wordcount"}, {Name: "grep", Pattern: "the_word1+,"}}, Splits: input.Cut(files, 64<<10), Reduces: 3,
	}, nil)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	got := counts(t, r.Parts[0])
	if len(got) != len(want) {
		t.Errorf("%d words were counted, there are %d", len(got), len(want))
	}
	for w, n := range want {
		if got[w] != n {
			t.Errorf("%q was counted %d times, it is there %d times", w, got[w], n)
		}
	}
	if got := counts(t, r.Parts[1]); len(got) != 2 || got["the_word1,"] != want["the_word1"] || got["the_word11,"] != want["the_word11"] {
		t.Errorf("grep found %v", got)
	}
	if len(r.Nodes) != 3 {
		t.Errorf("%d nodes worked, there are 3", len(r.Nodes))
	}
	for _, n := range r.Nodes {
		if n.Running != [2]int{} || n.Finished[jobtracker.Map] == 0 || n.Local == 0 {
			t.Errorf("a node is left with %+v", n)
		}
	}
}

// A task tracker is killed in the middle of the work: what it had done is done again elsewhere.
func TestTaskTrackerDies(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	files, want := corpus(t)
	var once sync.Once
	r := c.run(mapreduce.Config{Jobs: []job.Spec{{Name: "wordcount"}}, Splits: input.Cut(files, 128<<10), Reduces: 2}, func(s mapreduce.Snapshot) {
		if s.Jobs[0].MapsDone >= 4 {
			once.Do(func() { killTaskTracker(t) })
		}
	})
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	if r.Jobs[0].Retries == 0 {
		t.Error("nothing was lost with the task tracker")
	}
	got := counts(t, r.Parts[0])
	for w, n := range want {
		if got[w] != n {
			t.Errorf("%q was counted %d times, it is there %d times", w, got[w], n)
		}
	}
}

// The reduces of a job that failed are killed, so that the next job has their room.
func TestAJobThatFailsLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	files, _ := corpus(t)
	files = append(files, input.File{Path: filepath.Join(t.TempDir(), "gone"), Size: 100})
	reduced := false
	r := c.run(mapreduce.Config{
		Jobs: []job.Spec{{Name: "wordcount"}, {Name: "longest"}}, Splits: input.Cut(files, 128<<10), Reduces: 8,
	}, func(s mapreduce.Snapshot) {
		reduced = reduced || s.Jobs[0].ReducesRunning > 0 && s.Jobs[0].Failure != ""
	})
	for _, j := range r.Jobs {
		if !strings.Contains(j.Failure, "no such file") {
			t.Errorf("job %s ended with %q", j.Spec, j.Failure)
		}
	}
	if n := r.Jobs[0].ReducesRunning; n > 0 || !reduced {
		t.Errorf("%d reduces of the job that failed first still run; some ran when it failed: %t", n, reduced)
	}
}

func TestJobFails(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	gone := []input.File{{Path: filepath.Join(t.TempDir(), "gone"), Size: 100}}
	r := c.run(mapreduce.Config{Jobs: []job.Spec{{Name: "wordcount"}}, Splits: input.Cut(gone, 1000), Reduces: 1}, nil)
	if r.Err == nil || !strings.Contains(r.Err.Error(), "no such file") {
		t.Errorf("the job ended with %v", r.Err)
	}
}

// killTaskTracker kills one of the executors of this process's agents, whose children start them.
func killTaskTracker(t *testing.T) {
	all, err := processtree.Look()
	if err != nil {
		t.Error(err)
	}
	starters := map[int]bool{}
	for _, p := range all.Processes {
		starters[p.PID] = p.Parent == os.Getpid()
	}
	for _, p := range all.Processes {
		if !starters[p.Parent] {
			continue
		}
		cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", p.PID))
		if err == nil && strings.HasPrefix(cwd, filepath.Dir(filepath.Dir(t.TempDir()))) && strings.Contains(cwd, t.Name()) {
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
			return
		}
	}
	t.Error("there is no task tracker to kill")
}
