package checkpoint_test

import (
	"errors"
	"io/fs"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/slave/checkpoint"
)

// desk is a machine with a writer for the work directory /w.
type desk struct {
	*sim.World
	t      *testing.T
	disk   *sim.Disk
	writer runtime.Ref[*disk.Writer]
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	const addr = "10.0.0.1:1"
	d := &desk{World: sim.New(1), t: t}
	t.Cleanup(func() { runtimetest.End(t, d.World) })
	d.disk = d.Disk(addr)
	n := d.Node(addr)
	var err error
	if d.writer, err = runtime.Spawn(n, "writer", disk.NewWriter(disk.Of(n), "/w")); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) write(r checkpoint.Records) {
	d.t.Helper()
	if _, err := sim.Await(d.World, runtime.Ask(d.writer, (*disk.Writer).Write, r.Batch), 0); err != nil {
		d.t.Fatal(err)
	}
}

// Records have the content and the permissions that Mesos gives them.
func TestRecords(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var r checkpoint.Records
	r.Message("/w/message", ids.Task("t1").Proto())
	checkpoint.Messages(&r, "/w/messages", []*mesospb.TaskID{ids.Task("t1").Proto(), ids.Task("t22").Proto()})
	checkpoint.Messages[*mesospb.TaskID](&r, "/w/none", nil)
	r.Text("/w/text", "a\nb")
	r.Flag("/w/yes", true)
	r.Flag("/w/no", false)
	r.Marker("/w/marker")
	d.write(r)
	for _, want := range []struct {
		name, content string
		perm          fs.FileMode
	}{
		{"message", "\x04\x00\x00\x00\x0a\x02t1", 0o600},
		{"messages", "\x04\x00\x00\x00\x0a\x02t1\x05\x00\x00\x00\x0a\x03t22", 0o600},
		{"none", "", 0o600},
		{"text", "a\nb", 0o600},
		{"yes", "1", 0o600},
		{"no", "0", 0o600},
		{"marker", "", 0o644},
	} {
		content, err := disk.ReadFile(d.disk, "/w/"+want.name)
		if err != nil || string(content) != want.content {
			t.Errorf("%s holds %q, %v; want %q", want.name, content, err, want.content)
		}
		if info, err := d.disk.Lstat("/w/" + want.name); err != nil || info.Mode().Perm() != want.perm {
			t.Errorf("%s has %v, %v; want %v", want.name, info.Mode(), err, want.perm)
		}
	}
}

// An agent reads what one before it has left; what is torn is no agent.
func TestRead(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	const root = checkpoint.Root("/w")
	if s, err := checkpoint.Read(d.disk, root, true); err != nil || s.Info != nil {
		t.Errorf("an empty directory holds %v, %v", s.Info, err)
	}
	agent := root.Meta().Agent("a1")
	var r checkpoint.Records
	r.Message(agent.Info(), &mesospb.SlaveInfo{Id: ids.Agent("a1").Proto(), Hostname: proto.String("host")})
	r.Link(string(agent), root.Meta().LatestAgent())
	r.Message(agent.DrainConfig(), &mesospb.DrainConfig{MarkGone: proto.Bool(true)})
	d.write(r)
	s, err := checkpoint.Read(d.disk, root, true)
	if err != nil || s.Info.GetHostname() != "host" || !s.Drain.GetMarkGone() {
		t.Errorf("found %v, %v", s, err)
	}
	if err := disk.Replace(d.disk, agent.Info(), []byte{200, 0, 0, 0, 1}, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoint.Read(d.disk, root, true); !errors.Is(err, checkpoint.ErrTorn) {
		t.Errorf("a torn file was read: %v", err)
	}
}
