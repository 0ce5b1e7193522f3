package detector_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/actors/detector"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

func leader(id string) *mesospb.MasterInfo {
	return &mesospb.MasterInfo{Id: proto.String(id), Ip: proto.Uint32(1), Port: proto.Uint32(5050)}
}

func TestDetectCompletesWhenTheLeaderChanges(t *testing.T) {
	t.Parallel()
	d := detector.NewStandalone(nil)
	first := d.Detect(nil)
	if _, _, done := first.Peek(); done {
		t.Fatal("a leader was detected before one was appointed")
	}
	d.Appoint(leader("a"))
	if got, _, done := first.Peek(); !done || got.GetId() != "a" {
		t.Fatalf("detected %v, done %v", got, done)
	}
	if got, _, done := d.Detect(leader("b")).Peek(); !done || got.GetId() != "a" {
		t.Fatalf("a stale previous leader must be corrected at once; got %v, done %v", got, done)
	}
	next := d.Detect(leader("a"))
	d.Appoint(leader("a"))
	if _, _, done := next.Peek(); done {
		t.Fatal("the same leader was detected twice")
	}
	d.Appoint(nil)
	if got, err, done := next.Peek(); !done || got != nil || err != nil {
		t.Fatalf("want no leader; got %v, %v, done %v", got, err, done)
	}
}

func TestDiscardedDetectIsForgotten(t *testing.T) {
	t.Parallel()
	d := detector.NewStandalone(nil)
	f := d.Detect(nil)
	f.Discard()
	d.Appoint(leader("a"))
	if got, err, done := f.Peek(); !done || err != runtime.ErrDiscarded || got != nil {
		t.Fatalf("got %v, %v, %v", got, err, done)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "master")
	if err := os.WriteFile(file, []byte("10.1.2.3:5051\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for spec, want := range map[string]string{
		"127.0.0.1:5050":        "master@127.0.0.1:5050",
		"master@127.0.0.1:5050": "master@127.0.0.1:5050",
		"file://" + file:        "master@10.1.2.3:5051",
		"zk://a:2181/mesos":     "",
		"127.0.0.1":             "",
		"127.0.0.1:x":           "",
		"file:///nowhere":       "",
		"":                      "",
	} {
		d, err := detector.Parse(context.Background(), spec)
		if (err != nil) != (want == "") {
			t.Errorf("%q: %v", spec, err)
			continue
		}
		if err != nil {
			continue
		}
		info, _, _ := d.Detect(nil).Peek()
		if got := detector.PID(info).String(); got != want {
			t.Errorf("%q: got %q, want %q", spec, got, want)
		}
	}
}

// The numbers are those of the recorded FrameworkRegisteredMessage.
func TestAddress(t *testing.T) {
	t.Parallel()
	info := &mesospb.MasterInfo{Id: proto.String("m")}
	detector.Address(info, "127.0.0.1:5050", "")
	if info.GetIp() != 16777343 || info.GetPort() != 5050 || info.GetAddress().GetIp() != "127.0.0.1" || info.GetHostname() != "127.0.0.1" {
		t.Fatalf("got %v", info)
	}
	if got := detector.PID(info).String(); got != "master@127.0.0.1:5050" {
		t.Fatalf("without a pid, the address must tell: %s", got)
	}
}
