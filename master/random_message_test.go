package master_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// fromAgents and fromSchedulers list the messages that the master handles.
var (
	fromAgents = []proto.Message{
		&internalpb.RegisterSlaveMessage{}, &internalpb.ReregisterSlaveMessage{}, &internalpb.UnregisterSlaveMessage{},
		&internalpb.UpdateSlaveMessage{}, &internalpb.StatusUpdateMessage{}, &internalpb.ExecutorToFrameworkMessage{},
		&internalpb.ExitedExecutorMessage{}, &internalpb.UpdateOperationStatusMessage{}, &internalpb.AuthenticateMessage{},
	}
	fromSchedulers = []proto.Message{
		&schedulerpb.Call{}, &internalpb.RegisterFrameworkMessage{}, &internalpb.ReregisterFrameworkMessage{},
		&internalpb.UnregisterFrameworkMessage{}, &internalpb.DeactivateFrameworkMessage{}, &internalpb.SubmitSchedulerRequest{},
		&internalpb.ResourceRequestMessage{}, &internalpb.LaunchTasksMessage{}, &internalpb.ReviveOffersMessage{},
		&internalpb.KillTaskMessage{}, &internalpb.StatusUpdateAcknowledgementMessage{}, &internalpb.FrameworkToExecutorMessage{},
		&internalpb.ReconcileTasksMessage{},
	}
)

// Whatever agents, schedulers and strangers send, the master goes on and its book is consistent.
func TestRandomMessages(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			c := mastertest.New(t, mastertest.Config{Seed: seed + 1})
			agent, f := running(c, mastertest.Framework())
			stranger := c.Peer("stranger", "stranger", "10.0.0.9:1")
			b := &babbler{rand.New(rand.NewPCG(seed, 5)), []string{
				"", "*", "a", "cpus", "mem", "disk", "t1", "e", "/", "x\x00y", "1.12.0", "10.0.0.2",
				mastertest.FrameworkID(f).GetValue(), mastertest.AgentID(agent).GetValue(), f.Offer().GetId().GetValue(),
			}}
			for i := range 300 {
				from, kinds := agent, fromAgents
				if b.IntN(2) == 0 {
					from, kinds = f, fromSchedulers
				}
				if b.IntN(5) == 0 {
					from = stranger
				}
				say(b, from, kinds[b.IntN(len(kinds))])
				if i%20 == 0 {
					c.Advance(time.Duration(b.IntN(6000)) * time.Millisecond)
					c.Do(func(m *master.Master) {
						if err := m.Book().Check(); err != nil {
							t.Fatal(err)
						}
					})
				}
			}
		})
	}
}

// say sends a random message of the given kind that has all required fields.
func say(b *babbler, from *mastertest.Peer, kind proto.Message) {
	for range 20 {
		m := kind.ProtoReflect().New()
		b.fill(m, 5)
		msg := m.Interface()
		enliven(b, msg)
		if proto.CheckInitialized(msg) == nil {
			from.Say(msg)
			return
		}
	}
}

// enliven corrects some fields for which a message would mostly be refused.
func enliven(b *babbler, msg proto.Message) {
	switch msg := msg.(type) {
	case *internalpb.RegisterSlaveMessage:
		msg.Version = proto.String("1.12.0")
	case *internalpb.ReregisterSlaveMessage:
		msg.Version = proto.String("1.12.0")
		for _, task := range msg.Tasks {
			task.SlaveId = msg.GetSlave().GetId()
		}
		for _, info := range msg.Frameworks {
			info.Roles, info.Capabilities = nil, nil
		}
		if msg.CheckpointedResources = nil; msg.Slave != nil {
			msg.Slave.Resources = []*mesospb.Resource{mastertest.Resource("cpus", 4)}
		}
	case *internalpb.StatusUpdateMessage:
		if msg.Update != nil {
			msg.Update.Uuid = mastertest.UUID(byte(b.IntN(256)))
		}
	}
}
