package master_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/master/mastertest"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime/sim"
)

// recorded reads a recorded message between Mesos's processes.
func recorded[M proto.Message](t *testing.T, m M) M {
	t.Helper()
	name := string(m.ProtoReflect().Descriptor().FullName())
	body, err := os.ReadFile(filepath.Join(shared(t), "golden", "wire-messages", name+".bin"))
	if err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(body, m); err != nil {
		t.Fatal(err)
	}
	return m
}

// shared returns the directory with the recordings, which is beside the module.
func shared(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("MESETA_SHARED"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		candidate := filepath.Join(filepath.Dir(dir), "shared")
		if _, err := os.Stat(filepath.Join(candidate, "golden")); err == nil {
			return candidate
		}
	}
	t.Skip("the recordings of the reference are not here")
	return ""
}

// Where agent and scheduler say what was recorded, this master answers as Mesos's did.
func TestAnswersAsRecorded(t *testing.T) {
	t.Parallel()
	registration := recorded(t, &internalpb.RegisterSlaveMessage{})
	subscribe := recorded(t, &schedulerpb.Call{})
	registered := recorded(t, &internalpb.SlaveRegisteredMessage{})
	framework := recorded(t, &internalpb.FrameworkRegisteredMessage{})
	offers := recorded(t, &internalpb.ResourceOffersMessage{})
	update := recorded(t, &internalpb.StatusUpdateMessage{})

	c := mastertest.New(t, mastertest.Config{Address: "127.0.0.1:5050"})
	agent := c.Peer("agent", "slave(1)", "127.0.0.1:5051")
	agent.Say(registration)
	f := c.Peer("f", "scheduler-1", "127.0.0.1:6000")
	f.Say(subscribe)

	expect(t, registered, mastertest.Last[*internalpb.SlaveRegisteredMessage](agent))
	ours := mastertest.Last[*internalpb.FrameworkRegisteredMessage](f)
	framework.FrameworkId = ours.FrameworkId // it was the fifth framework of that cluster
	expect(t, framework, ours)

	offered := mastertest.Last[*internalpb.ResourceOffersMessage](f)
	offers.Offers[0].Id, offers.Offers[0].FrameworkId = offered.Offers[0].Id, ours.FrameworkId
	for _, m := range []*internalpb.ResourceOffersMessage{offers, offered} {
		slices.SortFunc(m.Offers[0].Resources, func(a, b *mesospb.Resource) int { return strings.Compare(a.GetName(), b.GetName()) })
	}
	expect(t, offers, offered)

	update.Update.FrameworkId = ours.FrameworkId
	agent.Say(update)
	expect(t, update, mastertest.Last[*internalpb.StatusUpdateMessage](f))
}

func expect(t *testing.T, want, got proto.Message) {
	t.Helper()
	if !proto.Equal(want, got) {
		t.Errorf("%s:\nwant %s\ngot  %s", want.ProtoReflect().Descriptor().Name(), sim.Text(want), sim.Text(got))
	}
}
