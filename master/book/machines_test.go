package book

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/master/maintenance"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

func TestAgentsAreFoundOnTheirMachines(t *testing.T) {
	t.Parallel()
	b := New(DefaultLimits)
	add := func(id, host, addr string) *Agent {
		a := NewAgent(&mesospb.SlaveInfo{Hostname: proto.String(host), Id: ids.Agent(id).Proto()}, runtime.PID{ID: "slave(1)", Addr: addr})
		b.AddAgent(a)
		return a
	}
	add("S2", "Host", "10.0.0.2:1")
	first := add("S1", "host", "10.0.0.2:2")
	add("S3", "host", "10.0.0.3:1")
	here := maintenance.Machine{Hostname: "host", IP: "10.0.0.2"}
	expect := func(want ...ids.Agent) {
		t.Helper()
		var got []ids.Agent
		for _, a := range b.AgentsOn(here, maintenance.Machine{Hostname: "nobody's"}, here) {
			got = append(got, a.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if err := b.Check(); err != nil {
			t.Error(err)
		}
	}
	expect("S1", "S2")
	b.MoveAgent(first, runtime.PID{ID: "slave(1)", Addr: "10.0.0.2:3"})
	expect("S1", "S2")
	b.RemoveAgent(first)
	expect("S2")
	b.RemoveAgent(b.Agent("S2"))
	expect()
}
