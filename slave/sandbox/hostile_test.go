package sandbox_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/actors/account"
	"meseta/actors/files"
	"meseta/actors/gc"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/runtimetest"
	"meseta/slave/checkpoint"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/sandbox"
)

// An operation is something the agent does below a sandbox, with names there that it makes, opens or removes.
type operation struct {
	name   string
	names  []string
	rounds int // of each race with the sandbox's owner
	do     func(w *world, dir string)
}

// operations are all that the agent does below the sandbox of a task. What comes anew joins them.
var operations = []operation{
	{"launch", []string{"stdout", "stderr"}, 1, func(w *world, dir string) {
		w.run("c1", dir, &mesospb.CommandInfo{Value: proto.String("echo said; echo said >&2")})
	}},
	{"fetch", []string{"f", "d", "d/f", "x.tar", "x", "x/f"}, 1, func(w *world, dir string) {
		w.run("c1", dir, &mesospb.CommandInfo{Value: proto.String("true"), Uris: []*mesospb.CommandInfo_URI{
			{Value: proto.String(w.fetched + "/f"), Executable: proto.Bool(true)},
			{Value: proto.String(w.fetched + "/f"), OutputFile: proto.String("d/f")},
			{Value: proto.String(w.fetched + "/x.tar")},
		}})
	}},
	{"fetch an archive", []string{"x.tar", "x", "x/f"}, 1, func(w *world, dir string) {
		w.run("c1", dir, &mesospb.CommandInfo{Value: proto.String("true"), Uris: []*mesospb.CommandInfo_URI{
			{Value: proto.String(w.fetched + "/x.tar")},
		}})
	}},
	{"fetch by a client and through the cache", []string{".hadoop", ".hadoop/content", "g", "f"}, 1, func(w *world, dir string) {
		w.run("c1", dir, &mesospb.CommandInfo{Value: proto.String("true"), Uris: []*mesospb.CommandInfo_URI{
			{Value: proto.String("hdfs://store/g")},
			{Value: proto.String(w.fetched + "/f"), Cache: proto.Bool(true)},
		}})
	}},
	{"nest", []string{"containers", "containers/n1", "containers/n1/stdout", "containers/n1/stderr"}, 1, func(w *world, dir string) {
		w.nest(dir, &slavepb.ContainerConfig{})
	}},
	{"nest for debugging", []string{"containers", "containers/n1", "containers/n1/stdout"}, 1, func(w *world, dir string) {
		w.nest(dir, &slavepb.ContainerConfig{ContainerClass: slavepb.ContainerClass_DEBUG.Enum()})
	}},
	{"share a volume", []string{"d", "d/n1", "containers/n1", "containers/n1/d", "containers/n1/d/v"}, 1, func(w *world, dir string) {
		w.nest(dir, &slavepb.ContainerConfig{ContainerInfo: &mesospb.ContainerInfo{
			Type: mesospb.ContainerInfo_MESOS.Enum(),
			Volumes: []*mesospb.Volume{{
				Mode: mesospb.Volume_RW.Enum(), ContainerPath: proto.String("d/v"),
				Source: &mesospb.Volume_Source{
					Type: mesospb.Volume_Source_SANDBOX_PATH.Enum(),
					SandboxPath: &mesospb.Volume_Source_SandboxPath{
						Type: mesospb.Volume_Source_SandboxPath_PARENT.Enum(), Path: proto.String("d/n1"),
					},
				},
			}},
		}})
	}},
	{"link a persistent volume", []string{"data", "stdout"}, 1, func(w *world, dir string) {
		w.volumes(dir)
	}},
	{"destroy a persistent volume", []string{"f", "d", "d/f"}, 5, func(w *world, dir string) {
		w.destroy(filepath.Dir(dir), filepath.Base(dir), mesospb.Resource_DiskInfo_Source_PATH)
	}},
	{"destroy a persistent volume that is a disk", []string{"f", "d", "d/f"}, 5, func(w *world, dir string) {
		w.destroy(dir, "v", mesospb.Resource_DiskInfo_Source_MOUNT)
	}},
	{"show", []string{"f", "d", "d/f"}, 5, func(w *world, dir string) { w.show(dir) }},
	{"remove", []string{"f", "d", "d/f"}, 5, func(w *world, dir string) {
		_ = sandbox.Place{Root: dir}.Remove() // the owner can hinder it
	}},
	{"remove what is below", []string{"d", "d/n1", "d/n1/f"}, 5, func(w *world, dir string) {
		_ = sandbox.Place{Root: dir, Below: []string{"d", "n1"}}.Remove()
	}},
	{"collect", []string{"f", "d", "d/f"}, 5, func(w *world, dir string) {
		if err := os.Chtimes(dir, time.Unix(1e9, 0), time.Unix(1e9, 0)); err != nil {
			w.t.Error(err)
		}
		_, _ = w.await(runtime.Ask(w.garbage, (*gc.GarbageCollector).Schedule, gc.Item{Path: dir}))
	}},
}

// A trap is put by the owner of a sandbox where the agent is about to do something. It leads to the directory outside.
var traps = map[string]func(w *world, path string) error{
	"a directory outside": func(w *world, path string) error { return os.Symlink(w.outside, path) },
	"a file outside":      func(w *world, path string) error { return os.Symlink(w.outside+"/f", path) },
	"a new name outside":  func(w *world, path string) error { return os.Symlink(w.outside+"/new", path) },
	"a way up": func(w *world, path string) error {
		up, err := filepath.Rel(filepath.Dir(path), w.outside)
		if err != nil {
			return err
		}
		return os.Symlink(up, path)
	},
	"a chain": func(w *world, path string) error {
		if err := os.Symlink(w.outside, path+".2"); err != nil {
			return err
		}
		if err := os.Symlink(filepath.Base(path)+".2", path+".1"); err != nil {
			return err
		}
		return os.Symlink(filepath.Base(path)+".1", path)
	},
	"a way through the system's links": func(w *world, path string) error {
		return os.Symlink("/proc/self/root"+w.outside, path)
	},
}

// swaps are traps that come and go while the agent works.
var swaps = map[string]func(w *world, path string) error{
	"a directory that becomes a link": func(w *world, path string) error {
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
		return os.Symlink(w.outside, path+".other")
	},
	"a file that becomes a link": func(w *world, path string) error {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			return err
		}
		return os.Symlink(w.outside+"/f", path+".other")
	},
}

// Whatever the owner of a sandbox puts there, and whenever, the agent changes and reads nothing outside of it.
func TestNothingOutsideIsTouched(t *testing.T) {
	t.Parallel()
	user, err := account.Lookup("nobody")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs root, and a user called nobody")
	}
	for _, o := range operations {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, user)
			for _, name := range o.names {
				for trap, set := range traps {
					w.attempt(o, name, trap, set)
				}
				w.attempt(o, name, "a second name of a file outside", nil)
				for trap, set := range swaps {
					w.race(o, name, trap, set)
				}
			}
		})
	}
}

// world is a machine on which tasks of one user run.
type world struct {
	t          *testing.T
	node       *runtime.Node
	containers containerizer.Containerizer
	garbage    runtime.Ref[*gc.GarbageCollector]
	writer     runtime.Ref[*disk.Writer]
	user       account.Account
	base       string // of sandboxes
	fetched    string // where files for tasks are
	outside    string
	sandboxes  int
}

func newWorld(t *testing.T, user account.Account) *world {
	t.Helper()
	n, err := runtime.NewNode(runtime.Options{Log: zerolog.New(io.Discard), Fatal: func(p runtime.Panic) { t.Error(p.String()) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runtimetest.Close(t, n) })
	w := &world{t: t, node: n, user: user, base: t.TempDir(), fetched: t.TempDir(), outside: t.TempDir()}
	for _, dir := range []string{w.base, w.fetched, w.outside} {
		for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			w.must(os.Chmod(dir, 0o755))
		}
	}
	w.furnish()
	if w.containers, err = mesos.New(n, mesos.Options{HadoopHome: w.fetched, CacheDir: filepath.Join(t.TempDir(), "cache"), CacheSize: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	if w.garbage, err = runtime.Spawn(n, "gc", gc.New(gc.Options{})); err != nil {
		t.Fatal(err)
	}
	if w.writer, err = runtime.Spawn(n, "writer", disk.NewWriter(disk.Local{}, w.base)); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Spawn(n, "", nil); err != nil {
		t.Fatal(err)
	}
	return w
}

// precious is what files outside hold.
const precious = "precious"

// furnish makes what can be fetched, and, outside, something under every name that operations use.
func (w *world) furnish() {
	w.must(os.WriteFile(w.fetched+"/f", []byte("fetched"), 0o644))
	w.must(os.Mkdir(w.fetched+"/bin", 0o755))
	w.must(os.WriteFile(w.fetched+"/bin/hadoop", []byte("#!/bin/sh\necho fetched > \"$4\""), 0o755))
	w.must(os.WriteFile(w.fetched+"/x.tar", archive(w.t, "x/f"), 0o644))
	for _, dir := range []string{"", "/d", "/d/n1", "/n1", "/x", "/containers/n1"} {
		w.must(os.MkdirAll(w.outside+dir, 0o755))
		for _, file := range []string{"/f", "/stdout", "/stderr"} {
			w.must(os.WriteFile(w.outside+dir+file, []byte(precious), 0o600))
		}
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) await(f runtime.Future[struct{}]) (struct{}, error) {
	return runtime.Wait(w.t.Context(), f)
}

// newSandbox makes a sandbox in which the owner has put what leads to a name.
func (w *world) newSandbox(name string) (dir, path string) {
	w.sandboxes++
	dir = filepath.Join(w.base, fmt.Sprint(w.sandboxes))
	w.must(sandbox.Make(disk.Local{}, dir, w.user.Name))
	path = filepath.Join(dir, name)
	w.must(w.user.Do(func() error { return os.MkdirAll(filepath.Dir(path), 0o755) }))
	return dir, path
}

// attempt has an operation meet a trap; nil is a hard link, which only root can make on a well-kept system.
func (w *world) attempt(o operation, name, trap string, set func(*world, string) error) {
	dir, path := w.newSandbox(name)
	if set == nil {
		w.must(os.Link(w.outside+"/f", path))
	} else {
		w.must(w.user.Do(func() error { return set(w, path) }))
	}
	w.watch(name+" is "+trap, func() { o.do(w, dir) })
	w.must(os.RemoveAll(dir))
}

// race has an operation meet traps that come and go.
func (w *world) race(o operation, name, trap string, set func(*world, string) error) {
	for range o.rounds {
		dir, path := w.newSandbox(name)
		w.must(w.user.Do(func() error { return set(w, path) }))
		over := make(chan struct{})
		swapped := runtime.Flatten(runtime.Dispatch(w.garbage, func(c *gc.GarbageCollector) runtime.Future[struct{}] {
			return runtime.Go(c, func(context.Context) (struct{}, error) {
				return struct{}{}, w.user.Do(func() error { return swap(path, over) })
			})
		}))
		w.watch(name+" is "+trap, func() { o.do(w, dir) })
		close(over)
		_, err := w.await(swapped)
		w.must(err)
		w.must(os.RemoveAll(dir))
	}
}

// swap exchanges two names again and again. They may be gone.
func swap(path string, over chan struct{}) error {
	for {
		select {
		case <-over:
			return nil
		default:
			_ = unix.Renameat2(unix.AT_FDCWD, path, unix.AT_FDCWD, path+".other", unix.RENAME_EXCHANGE)
		}
	}
}

// watch demands that nothing outside is opened, read or changed meanwhile.
func (w *world) watch(what string, do func()) {
	w.t.Helper()
	before := w.describe()
	events, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	w.must(err)
	defer unix.Close(events)
	w.must(filepath.WalkDir(w.outside, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_, err = unix.InotifyAddWatch(events, path, unix.IN_OPEN|unix.IN_ACCESS|unix.IN_MODIFY|unix.IN_CREATE|unix.IN_DELETE|unix.IN_MOVE)
		}
		return err
	}))
	buffer := make([]byte, 64<<10)
	_, _ = unix.Read(events, buffer) // what looking for directories has done
	do()
	if n, err := unix.Read(events, buffer); err == nil {
		w.t.Errorf("%s: outside of the sandbox something was touched: %q", what, bytes.Trim(buffer[:n], "\x00"))
	}
	if after := w.describe(); after != before {
		w.t.Errorf("%s: outside of the sandbox there was\n%sand now is\n%s", what, before, after)
	}
}

func (w *world) describe() string {
	var b strings.Builder
	w.must(filepath.Walk(w.outside, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		s := info.Sys().(*syscall.Stat_t)
		fmt.Fprint(&b, path, " ", info.Mode(), " ", s.Uid, " ", s.Gid, " ", info.ModTime().UnixNano())
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %q", content)
		}
		b.WriteByte('\n')
		return nil
	}))
	return b.String()
}

// run runs a command to its end, if it can be started.
func (w *world) run(id ids.Container, dir string, c *mesospb.CommandInfo) {
	_, _ = w.await(w.containers.Launch(containerizer.Launch{ID: id, Config: &slavepb.ContainerConfig{
		CommandInfo: c, Directory: &dir, User: &w.user.Name,
	}}))
	_, _ = runtime.Wait(w.t.Context(), w.containers.Wait(id))
}

// nest runs a container, and another in that, which is removed.
func (w *world) nest(dir string, config *slavepb.ContainerConfig) {
	_, err := w.await(w.containers.Launch(containerizer.Launch{ID: "c1", Config: &slavepb.ContainerConfig{
		CommandInfo: &mesospb.CommandInfo{Value: proto.String("exec sleep 1000")}, Directory: &dir, User: &w.user.Name,
	}}))
	w.must(err)
	config.CommandInfo = &mesospb.CommandInfo{Value: proto.String("echo said; echo said >&2")}
	_, _ = w.await(w.containers.Launch(containerizer.Launch{ID: "c1.n1", Config: config}))
	_, _ = runtime.Wait(w.t.Context(), w.containers.Destroy("c1.n1"))
	_, _ = w.await(w.containers.Remove("c1.n1"))
	w.containers.Wait("c1")
	_, err = runtime.Wait(w.t.Context(), w.containers.Destroy("c1"))
	w.must(err)
}

// volume returns a persistent volume on a disk at root, which is linked as data.
func volume(root, id string, kind mesospb.Resource_DiskInfo_Source_Type) *mesospb.Resource {
	source := &mesospb.Resource_DiskInfo_Source{Type: kind.Enum()}
	if kind == mesospb.Resource_DiskInfo_Source_MOUNT {
		source.Mount = &mesospb.Resource_DiskInfo_Source_Mount{Root: &root}
	} else {
		source.Path = &mesospb.Resource_DiskInfo_Source_Path{Root: &root}
	}
	return &mesospb.Resource{
		Name: proto.String("disk"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(1)},
		Reservations: []*mesospb.Resource_ReservationInfo{{
			Type: mesospb.Resource_ReservationInfo_DYNAMIC.Enum(), Role: proto.String("red"),
		}},
		Disk: &mesospb.Resource_DiskInfo{
			Source: source, Persistence: &mesospb.Resource_DiskInfo_Persistence{Id: &id},
			Volume: &mesospb.Volume{Mode: mesospb.Volume_RW.Enum(), ContainerPath: proto.String("data")},
		},
	}
}

// volumes runs a container with a persistent volume, takes that away, and gives it back.
func (w *world) volumes(dir string) {
	root := w.t.TempDir()
	w.must(os.MkdirAll(root+"/volumes/roles/red/v", 0o755))
	has := []*mesospb.Resource{volume(root, "v", mesospb.Resource_DiskInfo_Source_PATH)}
	_, _ = w.await(w.containers.Launch(containerizer.Launch{ID: "c1", Config: &slavepb.ContainerConfig{
		CommandInfo: &mesospb.CommandInfo{Value: proto.String("exec sleep 1000")}, Directory: &dir, User: &w.user.Name, Resources: has,
	}}))
	for _, now := range [][]*mesospb.Resource{nil, has} {
		_, _ = w.await(w.containers.Update("c1", now, nil)) // the owner can hinder it
	}
	ended := w.containers.Wait("c1")
	_, _ = runtime.Wait(w.t.Context(), w.containers.Destroy("c1"))
	_, _ = runtime.Wait(w.t.Context(), ended)
}

// destroy removes a persistent volume on a disk at root. With a PATH disk, the volume is what is there under its name.
func (w *world) destroy(root, id string, kind mesospb.Resource_DiskInfo_Source_Type) {
	var r checkpoint.Records
	if kind == mesospb.Resource_DiskInfo_Source_PATH {
		at, err := checkpoint.Root(root).Volume(first(volume(root, id, kind)))
		w.must(err)
		w.must(os.MkdirAll(filepath.Dir(at), 0o755))
		w.must(os.Rename(filepath.Join(root, id), at))
		defer func() { w.must(os.RemoveAll(filepath.Join(root, "volumes"))) }()
	}
	w.must(r.Volumes(checkpoint.Root(root), resources.Of(first(volume(root, id, kind))), resources.Resources{}))
	_, _ = w.await(runtime.Ask(w.writer, (*disk.Writer).Write, r.Batch))
}

func first(p *mesospb.Resource) (r resources.Resource) {
	for r = range resources.FromValid([]*mesospb.Resource{p}).All() {
		break
	}
	return r
}

// show reads and lists what is in a sandbox as people do.
func (w *world) show(dir string) {
	_, err := w.await(files.Attach(w.node, files.Attachment{Path: dir, Virtual: "/s"}))
	w.must(err)
	defer files.Detach(w.node, "/s")
	for _, virtual := range []string{"/s", "/s/f", "/s/d", "/s/d/f", "/s/d/n1/f"} {
		_, _ = runtime.Wait(w.t.Context(), files.Browse(w.node, virtual, nil))
		if chunk, err := runtime.Wait(w.t.Context(), files.Read(w.node, virtual, files.Range{Length: -1}, nil)); err == nil && string(chunk.Data) == precious {
			w.t.Errorf("%s shows what is outside of the sandbox", virtual)
		}
	}
}
