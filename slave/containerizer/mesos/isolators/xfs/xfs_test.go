package xfs_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolators/xfs"
	"meseta/slave/provisioner/mounttest"
)

// The tests mount file systems.
func TestMain(m *testing.M) { os.Exit(mounttest.Main(m)) }

// paper is a file system whose projects are on paper: what their files take up is what a test says.
type paper struct {
	mu       sync.Mutex
	projects map[string]xfs.Project
	quotas   map[xfs.Project]xfs.Quota
	refused  map[string]bool // directories that are on no XFS
}

func newPaper() *paper {
	return &paper{projects: map[string]xfs.Project{}, quotas: map[xfs.Project]xfs.Quota{}, refused: map[string]bool{}}
}

func (p *paper) Check(dir string, _ bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused[dir] {
		return fmt.Errorf("'%s' is not an XFS filesystem", dir)
	}
	return nil
}

func (p *paper) Device(string) (string, error) { return "/dev/paper", nil }

func (p *paper) Project(dir string) (xfs.Project, error) {
	if _, err := os.Lstat(dir); err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.projects[dir], nil
}

func (p *paper) Assign(dir string, project xfs.Project) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.projects[dir] = project
	return nil
}

func (p *paper) Quota(_ string, project xfs.Project) (xfs.Quota, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.quotas[project], nil
}

func (p *paper) Limit(_ string, project xfs.Project, soft, hard uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.quotas[project]
	q.Soft, q.Hard = soft, hard
	p.quotas[project] = q
	return nil
}

// use says what the files of a project take up.
func (p *paper) use(project xfs.Project, bytes uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.quotas[project]
	q.Used = bytes
	p.quotas[project] = q
}

const megabyte = 1 << 20

// site is a machine with an agent's containerizer.
type site struct {
	containerizer.Containerizer
	t         *testing.T
	node      *runtime.Node
	isolator  *xfs.Isolator
	options   xfs.Options
	work, run string
}

// newSite starts an agent whose work directory is in dir. A system of nil is the kernel.
func newSite(t *testing.T, dir string, system xfs.System, change ...func(*xfs.Options)) *site {
	t.Helper()
	all, err := xfs.ParseProjects("[5000-5002]")
	must(t, err)
	s := &site{t: t, work: filepath.Join(dir, "work"), run: t.TempDir()}
	s.options = xfs.Options{WorkDir: s.work, Projects: all, Enforce: true, Interval: time.Millisecond, System: system}
	for _, f := range change {
		f(&s.options)
	}
	s.start()
	t.Cleanup(func() {
		s.crash()
		s.start() // it ends what is left
		s.crash()
	})
	return s
}

// start starts an agent, which takes over the known containers.
func (s *site) start(known ...containerizer.Survivor) {
	s.t.Helper()
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { s.t.Error(p.String()) }})
	must(s.t, err)
	s.node, s.options.Clock = n, n.Clock()
	s.isolator, err = xfs.New(s.options)
	must(s.t, err)
	isolators := []mesos.Isolator{changes{work: s.work}, s.isolator}
	s.Containerizer, err = mesos.New(n, mesos.Options{WorkDir: s.work, RuntimeDir: s.run, Isolators: isolators})
	must(s.t, err)
	_, err = get(s.t, s.Recover(known))
	must(s.t, err)
}

// changes stands for the isolator that gives containers the file systems of images: what a container changes is in a directory below
// the work directory, if that exists.
type changes struct {
	mesos.Base
	work string
}

func (x changes) dir(id ids.Container) string { return filepath.Join(x.work, "changes", string(id)) }

func (x changes) Prepare(_ context.Context, c *mesos.Container) error {
	if _, err := os.Stat(x.dir(c.ID)); err == nil {
		c.Config = proto.CloneOf(c.Config)
		c.Config.EphemeralVolumes = []string{x.dir(c.ID)}
	}
	return nil
}

// crash ends the agent, but not its containers.
func (s *site) crash() {
	s.t.Helper()
	runtimetest.Close(s.t, s.node)
}

func (s *site) sandbox(id ids.Container) string {
	return filepath.Join(s.work, "slaves/a1/frameworks/f1/executors/x1/runs", string(id))
}

// launch starts a container with resources, and waits until it has made the file ready.
func (s *site) launch(id ids.Container, command, has string) {
	s.t.Helper()
	config := &slavepb.ContainerConfig{Directory: proto.String(s.sandbox(id)), CommandInfo: &mesospb.CommandInfo{Value: &command}}
	config.Resources = parse(s.t, has)
	must(s.t, os.MkdirAll(s.sandbox(id), 0o755))
	_, err := get(s.t, s.Launch(containerizer.Launch{ID: id, Config: config}))
	must(s.t, err)
}

// survivor is what the agent knows of a container that it has launched.
func (s *site) survivor(id ids.Container) containerizer.Survivor {
	return containerizer.Survivor{ID: id, Directory: s.sandbox(id)}
}

// frees compares the number of free projects.
func (s *site) frees(want uint64) {
	s.t.Helper()
	if total, free := s.isolator.Counts(); total != 3 || free != want {
		s.t.Errorf("%d of %d projects are free, want %d", free, total, want)
	}
}

func parse(t *testing.T, has string) []*mesospb.Resource {
	t.Helper()
	config := &slavepb.ContainerConfig{}
	must(t, (prototext.UnmarshalOptions{AllowPartial: true}).Unmarshal([]byte(has), config))
	return config.Resources
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func get[T any](t *testing.T, f runtime.Future[T]) (T, error) {
	t.Helper()
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	f.OnAny(func(v T, err error) { done <- result{v, err} })
	r := <-done
	return r.v, r.err
}

// disk returns megabytes of the disk as a resource, and volume those of a persistent volume.
func disk(megabytes int) string {
	return fmt.Sprintf(`resources { name: "disk" type: SCALAR scalar { value: %d } }`, megabytes)
}

func volume(id string, megabytes int, source string) string {
	return fmt.Sprintf(`resources { name: "disk" type: SCALAR scalar { value: %d } reservations { type: STATIC role: "r" }
		disk { persistence { id: %q } volume { container_path: "data" mode: RW } %s } }`, megabytes, id, source)
}

// The range is one of projects, which are numbers above 0 of 32 bits.
func TestParseProjects(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"[5000-10000]":    "",
		"[1-4294967295]":  "",
		"[":               "Failed to parse XFS project range '['",
		"5":               "Invalid XFS project resource type SCALAR, expecting RANGES",
		"[0-5]":           "XFS project ID range contains illegal 0 value",
		"[50-4294967296]": "Project ID 4294967296 is out of range",
	} {
		if _, err := xfs.ParseProjects(text); (want == "") != (err == nil) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// A sandbox and the volumes of a container have projects of their own, whose limits follow the container's resources. A disk of
// its own has none.
func TestLimits(t *testing.T) {
	t.Parallel()
	p, mount := newPaper(), t.TempDir()
	s := newSite(t, t.TempDir(), p)
	v1 := filepath.Join(s.work, "volumes/roles/r/v1")
	must(t, os.MkdirAll(v1, 0o755))
	source := fmt.Sprintf("source { type: MOUNT mount { root: %q } }", mount)
	s.launch("c1", "sleep 1000", disk(2)+volume("v1", 3, "")+volume("v2", 4, source))
	for dir, want := range map[string]xfs.Project{s.sandbox("c1"): 5000, v1: 5001, mount: 0} {
		if got := p.projects[dir]; got != want {
			t.Errorf("%s is of project %d, want %d", dir, got, want)
		}
	}
	s.frees(1)
	has := func(project xfs.Project, soft, hard uint64) {
		t.Helper()
		if q, _ := p.Quota("", project); q.Soft != soft*megabyte || q.Hard != hard*megabyte {
			t.Errorf("project %d has the limits %d and %d bytes, want %d and %d MB", project, q.Soft, q.Hard, soft, hard)
		}
	}
	has(5000, 2, 2)
	has(5001, 3, 3)

	p.use(5000, 7)
	p.use(5001, 8)
	u, err := get(t, s.Usage("c1"))
	must(t, err)
	want := `disk_limit_bytes: 2097152 disk_used_bytes: 7
		disk_statistics { persistence { id: "v1" } limit_bytes: 3145728 used_bytes: 8 }`
	wanted := &mesospb.ResourceStatistics{Timestamp: u.Timestamp}
	must(t, prototext.Unmarshal([]byte("timestamp: 1 "+want), wanted))
	if len(u.DiskStatistics) != 2 || !proto.Equal(u.DiskStatistics[0], wanted.DiskStatistics[0]) ||
		u.GetDiskLimitBytes() != wanted.GetDiskLimitBytes() || u.GetDiskUsedBytes() != wanted.GetDiskUsedBytes() {
		t.Errorf("usage %v, want %s", u, want)
	}
	if d := u.DiskStatistics[1]; d.LimitBytes != nil || d.GetUsedBytes() == 0 || d.GetSource().GetMount().GetRoot() != mount {
		t.Errorf("usage of a disk of its own: %v", d)
	}

	_, err = get(t, s.Update("c1", parse(t, disk(5)+volume("v1", 6, "")), nil))
	must(t, err)
	has(5000, 5, 5)
	has(5001, 6, 6)
	if _, err = get(t, s.Update("c1", parse(t, disk(0)+volume("v1", 6, "")), nil)); err != nil {
		t.Error(err) // a resource of nothing is none
	}
	has(5000, 5, 5)
}

// What a container changes in the file system of its image is of the project of its sandbox, and so is what those in it change. The
// project is free when all of that is gone.
func TestImages(t *testing.T) {
	t.Parallel()
	p := newPaper()
	s := newSite(t, t.TempDir(), p)
	outer, inner := filepath.Join(s.work, "changes/c1"), filepath.Join(s.work, "changes/c1.n1")
	must(t, os.MkdirAll(outer, 0o755))
	must(t, os.MkdirAll(inner, 0o755))
	s.launch("c1", "sleep 1000", disk(2))
	nested := &slavepb.ContainerConfig{CommandInfo: &mesospb.CommandInfo{Value: proto.String("sleep 1000")}}
	_, err := get(t, s.Launch(containerizer.Launch{ID: "c1.n1", Config: nested}))
	must(t, err)
	if p.projects[outer] != 5000 || p.projects[inner] != 5000 {
		t.Errorf("projects %v", p.projects)
	}
	s.frees(2)
	_, err = get(t, s.Destroy("c1"))
	must(t, err)
	must(t, os.RemoveAll(s.sandbox("c1")))
	must(t, os.RemoveAll(outer))
	s.isolator.Reclaim()
	s.frees(2)
	must(t, os.RemoveAll(inner))
	s.isolator.Reclaim()
	s.frees(3)
}

// Without enforcement files are only counted.
func TestCountOnly(t *testing.T) {
	t.Parallel()
	p := newPaper()
	s := newSite(t, t.TempDir(), p, func(o *xfs.Options) { o.Enforce = false })
	s.launch("c1", "sleep 1000", disk(2))
	p.use(5000, 3*megabyte)
	u, err := get(t, s.Usage("c1"))
	must(t, err)
	if q, _ := p.Quota("", 5000); q.Soft != 0 || q.Hard != 0 || u.GetDiskUsedBytes() != 3*megabyte || u.GetDiskLimitBytes() != 2*megabyte {
		t.Errorf("quota %v, usage %v", q, u)
	}
}

// A container that is to be killed may exceed its limit by the headroom, but not for long.
func TestKill(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		project xfs.Project
		message string
	}{
		"sandbox": {5000, "Disk usage (5MB) exceeded quota (2MB)"},
		"volume":  {5001, "Disk usage (5MB) exceeded quota (3MB) for volume 'v1'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPaper()
			s := newSite(t, t.TempDir(), p, func(o *xfs.Options) { o.Kill, o.Headroom = true, 10*megabyte })
			must(t, os.MkdirAll(filepath.Join(s.work, "volumes/roles/r/v1"), 0o755))
			s.launch("c1", "sleep 1000", disk(2)+volume("v1", 3, ""))
			if q, _ := p.Quota("", 5000); q.Soft != 2*megabyte || q.Hard != 12*megabyte {
				t.Errorf("quota %v", q)
			}
			p.use(test.project, 5*megabyte)
			end, err := get(t, s.Wait("c1"))
			must(t, err)
			limited := end.GetLimitedResources()
			if end.GetState() != mesospb.TaskState_TASK_FAILED || end.GetReason() != mesospb.TaskStatus_REASON_CONTAINER_LIMITATION_DISK ||
				end.GetMessage() != test.message || len(limited) != 1 || limited[0].GetScalar().GetValue() != 5 ||
				(limited[0].GetDisk().GetPersistence().GetId() == "v1") != (name == "volume") {
				t.Errorf("ended as %v", end)
			}
		})
	}
}

// A project belongs to a sandbox until that is deleted, over the lives of agents, and then to the next container. When there is
// none left, no container starts.
func TestProjectsAreGivenBack(t *testing.T) {
	t.Parallel()
	p := newPaper()
	s := newSite(t, t.TempDir(), p)
	for _, id := range []ids.Container{"c1", "c2", "c3"} {
		s.launch(id, "sleep 1000", disk(2))
	}
	must(t, os.MkdirAll(s.sandbox("c4"), 0o755))
	config := &slavepb.ContainerConfig{Directory: proto.String(s.sandbox("c4")), CommandInfo: &mesospb.CommandInfo{Value: proto.String("true")}}
	if _, err := get(t, s.Launch(containerizer.Launch{ID: "c4", Config: config})); err == nil || !strings.Contains(err.Error(), "Failed to assign project ID, range exhausted") {
		t.Errorf("a container without a project: %v", err)
	}
	_, err := get(t, s.Destroy("c1"))
	must(t, err)
	s.isolator.Reclaim()
	s.frees(0)

	s.crash()
	s.start(s.survivor("c2")) // c3 is an orphan
	s.isolator.Reclaim()
	s.frees(0)
	for _, id := range []ids.Container{"c1", "c2", "c3"} {
		must(t, os.RemoveAll(s.sandbox(id)))
	}
	s.isolator.Reclaim()
	s.frees(2)
	if q, _ := p.Quota("", 5000); q.Soft != 0 || q.Hard != 0 {
		t.Errorf("a project that nobody has is limited: %v", q)
	}
	if q, _ := p.Quota("", 5001); q.Hard != 2*megabyte {
		t.Errorf("the limit of a running container: %v", q)
	}
	_, err = get(t, s.Destroy("c2"))
	must(t, err)
	s.isolator.Reclaim()
	s.frees(3)
}

// A container of an agent that was without the isolator gets a project, volumes keep theirs, and a project of an earlier range
// is not given to others.
func TestRecover(t *testing.T) {
	t.Parallel()
	p := newPaper()
	s := newSite(t, t.TempDir(), p)
	v1 := filepath.Join(s.work, "volumes/roles/r/v1")
	must(t, os.MkdirAll(v1, 0o755))
	s.launch("c1", "sleep 1000", disk(2)+volume("v1", 3, ""))
	s.crash()
	p.mu.Lock()
	delete(p.projects, s.sandbox("c1"))
	p.projects[v1] = 7000
	p.mu.Unlock()
	s.start(s.survivor("c1"))
	s.frees(2)
	if p.projects[s.sandbox("c1")] != 5000 {
		t.Errorf("projects %v", p.projects)
	}
	_, err := get(t, s.Update("c1", parse(t, disk(4)+volume("v1", 3, "")), nil))
	must(t, err)
	if one, _ := p.Quota("", 5000); one.Hard != 4*megabyte {
		t.Errorf("limit of the sandbox: %v", one)
	}
	if other, _ := p.Quota("", 7000); other.Hard != 3*megabyte || p.projects[v1] != 7000 {
		t.Errorf("limit of the volume: %v", other)
	}
	_, err = get(t, s.Destroy("c1"))
	must(t, err)
	must(t, os.RemoveAll(s.work))
	s.isolator.Reclaim()
	s.frees(3)
}

// An agent is refused whose directories are on another file system.
func TestRefused(t *testing.T) {
	t.Parallel()
	p, all := newPaper(), t.TempDir()
	p.refused[all+"/disk"] = true
	_, err := xfs.New(xfs.Options{WorkDir: all, Disks: []string{all + "/disk"}, System: p})
	if want := "'" + all + "/disk' is not an XFS filesystem"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root sees whether a file system has quotas")
	}
	_, err = xfs.New(xfs.Options{WorkDir: "/proc/self"})
	if err == nil || !strings.Contains(err.Error(), "'/proc/self' is not an XFS filesystem; put it on one that is mounted with the option prjquota") {
		t.Errorf("%v", err)
	}
}
