package election_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
)

func leader(id string) *mesospb.MasterInfo {
	return &mesospb.MasterInfo{Id: proto.String(id), Ip: proto.Uint32(1), Port: proto.Uint32(5050)}
}

func TestDetectCompletesWhenTheLeaderChanges(t *testing.T) {
	t.Parallel()
	d := election.NewStandalone(nil)
	first := d.Detect(nil)
	if _, done, _ := first.Peek(); done {
		t.Fatal("a leader was detected before one was appointed")
	}
	d.Appoint(leader("a"))
	if got, done, _ := first.Peek(); !done || got.GetId() != "a" {
		t.Fatalf("detected %v, done %v", got, done)
	}
	if got, done, _ := d.Detect(leader("b")).Peek(); !done || got.GetId() != "a" {
		t.Fatalf("a stale previous leader must be corrected at once; got %v, done %v", got, done)
	}
	next := d.Detect(leader("a"))
	d.Appoint(leader("a"))
	if _, done, _ := next.Peek(); done {
		t.Fatal("the same leader was detected twice")
	}
	d.Appoint(nil)
	if got, done, err := next.Peek(); !done || got != nil || err != nil {
		t.Fatalf("want no leader; got %v, %v, done %v", got, err, done)
	}
}

func TestDiscardedDetectIsForgotten(t *testing.T) {
	t.Parallel()
	d := election.NewStandalone(nil)
	f := d.Detect(nil)
	f.Discard()
	d.Appoint(leader("a"))
	if got, done, err := f.Peek(); !done || err != runtime.ErrDiscarded || got != nil {
		t.Fatalf("got %v, %v, %v", got, err, done)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "master")
	if err := os.WriteFile(file, []byte("10.1.2.3:5051\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	world := runtimetest.World(t, 1)
	node := world.Node("10.0.0.8:1")
	for spec, want := range map[string]string{
		"127.0.0.1:5050":        "master@127.0.0.1:5050",
		"master@127.0.0.1:5050": "master@127.0.0.1:5050",
		"file://" + file:        "master@10.1.2.3:5051",
		"zk://a:2181":           "",
		"etcd://a:2181/mesos":   "",
		"127.0.0.1":             "",
		"127.0.0.1:x":           "",
		"file:///nowhere":       "",
		"":                      "",
	} {
		d, err := election.Parse(t.Context(), node, spec, election.Options{})
		if (err != nil) != (want == "") {
			t.Errorf("%q: %v", spec, err)
			continue
		}
		if err != nil {
			continue
		}
		world.Settle()
		info, _, _ := d.Detect(nil).Peek()
		if got := election.PID(info).String(); got != want {
			t.Errorf("%q: got %q, want %q", spec, got, want)
		}
	}
}

// The numbers are those of the recorded FrameworkRegisteredMessage.
func TestAddress(t *testing.T) {
	t.Parallel()
	info := &mesospb.MasterInfo{Id: proto.String("m")}
	election.Address(info, "127.0.0.1:5050", "")
	if info.GetIp() != 16777343 || info.GetPort() != 5050 || info.GetAddress().GetIp() != "127.0.0.1" || info.GetHostname() != "127.0.0.1" {
		t.Fatalf("got %v", info)
	}
	if got := election.PID(info).String(); got != "master@127.0.0.1:5050" {
		t.Fatalf("without a pid, the address must tell: %s", got)
	}
}

// A file is read again when it changes.
func TestSpecsInFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return "file://" + path
	}
	itself := write("itself", "file://"+filepath.Join(dir, "itself"))
	good := write("good", " 10.1.2.3:5051, 10.1.2.4:5051\n")
	if got, err := election.ReadSpec(write("other", good+"\n")); err != nil || got != "10.1.2.3:5051, 10.1.2.4:5051" {
		t.Errorf("got %q, %v", got, err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for spec, want := range map[string]string{
		itself:                          "refers to a chain of more than",
		"file:///dev/zero":              "more than 65536 bytes",
		"file://" + pipe:                "not host:port",
		"file://" + dir:                 "is a directory",
		write("zk", "zk://a:1"):         "should be zk://",
		write("etcd", "etcd://a:1/m"):   "no detection by etcd",
		write("empty", ""):              "not host:port",
		write("half", "10.1.2.3:5051,"): "not host:port",
	} {
		if _, err := election.Parse(t.Context(), runtimetest.World(t, 1).Node("10.0.0.8:1"), spec, election.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", spec, err, want)
		}
	}
}

// When the file names another place, the leader there is detected. What it cannot be used for changes nothing.
func TestAFileThatChanges(t *testing.T) {
	t.Parallel()
	world := runtimetest.World(t, 1)
	file := filepath.Join(t.TempDir(), "master")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("10.0.0.1:5050")
	d, err := election.Parse(t.Context(), world.Node("10.0.0.8:1"), "file://"+file, election.Options{})
	if err != nil {
		t.Fatal(err)
	}
	world.Settle()
	var leader *mesospb.MasterInfo
	expect := func(want string) {
		t.Helper()
		world.Advance(5 * time.Second)
		info, done, err := d.Detect(leader).Peek()
		if got := election.PID(info).Addr; !done || err != nil || got != want {
			t.Fatalf("got %s, %v, done %v; want %s", got, err, done, want)
		}
		leader = info
	}
	expect("10.0.0.1:5050")
	for _, junk := range []string{"", "nonsense", "file://" + file} {
		write(junk)
		world.Advance(5 * time.Second)
		if info, done, err := d.Detect(leader).Peek(); done {
			t.Fatalf("%q changed the leader to %v, %v", junk, info, err)
		}
	}
	third := election.NewStandalone(election.MasterInfo(runtime.PID{ID: "master", Addr: "10.0.0.3:5050"}))
	if err := election.SpawnHerald(world.Node("10.0.0.2:5050"), third); err != nil {
		t.Fatal(err)
	}
	write("10.0.0.2:5050,10.0.0.3:5050")
	expect("10.0.0.3:5050")
	write("10.0.0.1:5050")
	expect("10.0.0.1:5050")
}

// The candidacy of a master without rivals is known at once, and never lost.
func TestStandaloneContender(t *testing.T) {
	t.Parallel()
	d := election.NewStandalone(nil)
	candidacy, done, err := election.StandaloneContender{Elected: d.Appoint}.Contend(leader("a")).Peek()
	if err != nil || !done {
		t.Fatal(err, done)
	}
	if _, lost, _ := candidacy.Peek(); lost {
		t.Error("the candidacy is lost")
	}
	if got, _, _ := d.Detect(nil).Peek(); got.GetId() != "a" {
		t.Errorf("%v leads", got)
	}
	if _, done, _ := (election.StandaloneContender{}).Contend(leader("b")).Peek(); !done {
		t.Error("without somebody to tell, the candidacy is not known")
	}
}
