package serve

import (
	"reflect"
	"syscall"
	"testing"
)

var requests = []Request{
	{},
	{Path: "/bin/sh", Args: []string{"sh", "-c", "exit 1"}, Env: []string{"A=", "=B"}, Terminal: true},
	{Path: "x", Credential: &syscall.Credential{Uid: 1, Gid: 4294967295, Groups: []uint32{1, 2}, NoSetGroups: true}},
	{Path: "x", Groups: []string{"/a/tasks", "/b/tasks"}, Unified: "/c"},
	{Path: "x", Init: &Init{
		Namespaces: syscall.CLONE_NEWNS, Enter: syscall.CLONE_NEWPID, Neighbour: 1 << 31, View: "/mnt", Network: "/ns", Hostname: "h", Mounts: []Mount{{"proc", "/proc", "proc", "o", 14}, {}}, Root: "/r", Pivot: true, Sandbox: "/s",
		Memory: "/run", Secrets: []Secret{{"/s/v", []byte("hidden"), true}, {Content: []byte{}}},
		Links: []Link{{"a", "/b"}, {}}, Masked: []string{"/m"}, Anywhere: true, Limits: []Limit{{7, 1, 1<<64 - 1}},
		Capabilities: &Capabilities{1 << 40, 3}, NoNewPrivileges: true, Filter: []byte{6, 0, 0, 0, 0, 0, 255, 127}, Directory: "/d", Paths: []string{"/p", "/q"}, Name: "n",
	}},
}

func TestRequest(t *testing.T) {
	t.Parallel()
	for _, want := range requests {
		content := want.Encode()
		if got, ok := Decode(content); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("decoded %+v (%t), want %+v", got, ok, want)
		}
		for i := range content {
			if got, ok := Decode(content[:i]); ok {
				t.Errorf("decoded %+v from the first %d bytes of %+v", got, i, want)
			}
		}
		if _, ok := Decode(append(content, 0)); ok {
			t.Errorf("decoded %+v with a byte more", want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, r := range requests {
		f.Add(r.Encode())
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		r, ok := Decode(content)
		if !ok {
			return
		}
		if again, ok := Decode(r.Encode()); !ok || !reflect.DeepEqual(again, r) {
			t.Errorf("%+v became %+v", r, again)
		}
	})
}
