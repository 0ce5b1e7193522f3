package master_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/ledger"
	"meseta/messages/mesosjson"
	facts "meseta/messages/operations"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// operatingAgent is an agent that applies operations to resources of its own. Its connection breaks now and then: it loses what it
// has not read, and re-registers with what it has.
type operatingAgent struct {
	*mastertest.Peer
	t        *testing.T
	id       *mesospb.SlaveID
	ledger   ledger.Ledger
	known    map[string]*mesospb.Operation // by UUID, until the last status is acknowledged
	order    []string                      // of the UUIDs
	read     int                           // messages
	deaf     bool                          // it waits to be re-registered, and ignores operations
	statuses byte
	applied  int
}

func newOperatingAgent(t *testing.T, p *mastertest.Peer) *operatingAgent {
	t.Helper()
	return &operatingAgent{
		Peer: p, t: t, id: mastertest.AgentID(p), ledger: ledger.New(mastertest.AgentInfo("10.0.0.2:5051").Resources, nil, nil),
		known: map[string]*mesospb.Operation{}, read: len(p.Heard),
	}
}

// handle reads its messages and says what follows from them.
func (a *operatingAgent) handle() {
	a.t.Helper()
	var says []proto.Message
	for ; a.read < len(a.Heard); a.read++ {
		switch m := a.Heard[a.read].(type) {
		case *internalpb.SlaveReregisteredMessage:
			a.deaf = false
			says = append(says, a.report())
			says = append(says, a.unacknowledged()...)
		case *internalpb.ApplyOperationMessage:
			if !a.deaf {
				says = append(says, a.apply(m))
			}
		case *internalpb.AcknowledgeOperationStatusMessage:
			delete(a.known, string(m.GetOperationUuid().GetValue()))
		case *internalpb.ReconcileOperationsMessage:
			says = append(says, a.dropped(m)...)
		}
	}
	a.SayAtOnce(says...)
}

// apply applies an operation, which must be possible, because the master knows what the agent has.
func (a *operatingAgent) apply(m *internalpb.ApplyOperationMessage) proto.Message {
	a.t.Helper()
	conversions, err := resources.ConversionsOf(m.GetOperationInfo())
	if err == nil {
		err = a.ledger.Apply(conversions...)
	}
	if err != nil {
		a.t.Fatalf("the agent cannot apply %v: %v", m, err)
	}
	a.applied++
	a.statuses++
	status := a.OperationStatus(m, mesospb.OperationState_OPERATION_FINISHED, a.statuses)
	uuid := string(m.GetOperationUuid().GetValue())
	a.known[uuid], a.order = a.Reported(m, status), append(a.order, uuid)
	return status
}

func (a *operatingAgent) dropped(m *internalpb.ReconcileOperationsMessage) []proto.Message {
	var says []proto.Message
	for _, asked := range m.GetOperations() {
		if a.known[string(asked.GetOperationUuid().GetValue())] == nil {
			says = append(says, &internalpb.UpdateOperationStatusMessage{
				SlaveId: a.id, OperationUuid: asked.OperationUuid,
				Status: &mesospb.OperationStatus{State: mesospb.OperationState_OPERATION_DROPPED.Enum(), SlaveId: a.id},
			})
		}
	}
	return says
}

func (a *operatingAgent) report() proto.Message {
	all := &internalpb.UpdateSlaveMessage_Operations{}
	for _, uuid := range a.order {
		if op := a.known[uuid]; op != nil {
			all.Operations = append(all.Operations, op)
		}
	}
	return &internalpb.UpdateSlaveMessage{
		SlaveId: a.id, ResourceVersionUuid: &mesospb.UUID{Value: mastertest.UUID(200)}, UpdateOversubscribedResources: proto.Bool(false), Operations: all,
	}
}

func (a *operatingAgent) unacknowledged() []proto.Message {
	var says []proto.Message
	for _, uuid := range a.order {
		if op := a.known[uuid]; op != nil {
			says = append(says, &internalpb.UpdateOperationStatusMessage{
				FrameworkId: op.FrameworkId, SlaveId: a.id, OperationUuid: op.Uuid, Status: op.LatestStatus, LatestStatus: op.LatestStatus,
			})
		}
	}
	return says
}

// reregister loses what was not read.
func (a *operatingAgent) reregister() {
	a.read, a.deaf = len(a.Heard), true
	r := mastertest.Registration("10.0.0.2:5051")
	r.Slave.Id = a.id
	a.SayAtOnce(&internalpb.ReregisterSlaveMessage{
		Slave: r.Slave, Version: r.Version, AgentCapabilities: r.AgentCapabilities, ResourceVersionUuid: r.ResourceVersionUuid,
		CheckpointedResources: a.ledger.Checkpointed.Proto(),
	})
}

// oversubscribe reports other revocable resources.
func (a *operatingAgent) oversubscribe(cpus float64) proto.Message {
	r := mastertest.Resource("cpus", cpus)
	r.Revocable = &mesospb.Resource_RevocableInfo{}
	m := &internalpb.UpdateSlaveMessage{SlaveId: a.id, UpdateOversubscribedResources: proto.Bool(true)}
	if cpus > 0 {
		m.OversubscribedResources = []*mesospb.Resource{r}
	}
	return m
}

// randomOperation returns an operation in role r. It may or may not be possible.
func randomOperation(c *mastertest.Cluster, x *rand.Rand, id string) *mesospb.Offer_Operation {
	volume := func(size int) string {
		return fmt.Sprintf(`name: "disk" type: SCALAR scalar { value: %d } `+toR+` disk { persistence { id: "v%d" } volume { container_path: "v" mode: RW } }`, size, x.IntN(2))
	}
	some := fmt.Sprintf(`name: "%s" type: SCALAR scalar { value: %d } `+toR, []string{"cpus", "disk"}[x.IntN(2)], 1+x.IntN(2))
	texts := []string{
		`type: RESERVE reserve { resources { ` + some + ` } }`, `type: UNRESERVE unreserve { resources { ` + some + ` } }`,
		`type: RESERVE reserve { resources { name: "disk" type: SCALAR scalar { value: 8 } ` + toR + ` } }`,
		`type: CREATE create { volumes { ` + volume(1+x.IntN(2)) + ` } }`, `type: DESTROY destroy { volumes { ` + volume(1+x.IntN(4)) + ` } }`,
		`type: GROW_VOLUME grow_volume { volume { ` + volume(1+x.IntN(3)) + ` } addition { name: "disk" type: SCALAR scalar { value: 1 } ` + toR + ` } }`,
		`type: SHRINK_VOLUME shrink_volume { volume { ` + volume(2+x.IntN(2)) + ` } subtract { value: 1 } }`,
	}
	return c.Operation(id, texts[x.IntN(len(texts))])
}

var operatorCallOf = map[mesospb.Offer_Operation_Type]string{
	mesospb.Offer_Operation_RESERVE: "reserve", mesospb.Offer_Operation_UNRESERVE: "unreserve",
	mesospb.Offer_Operation_CREATE: "create-volumes", mesospb.Offer_Operation_DESTROY: "destroy-volumes",
}

// Whatever schedulers, operators and the agent do, also at the same time: the master knows what the agent has, the agent can apply what it is
// sent, all of it is offered in the end, and no operation is left over.
func TestOperationsAreConserved(t *testing.T) {
	t.Parallel()
	applied := 0
	for seed := range uint64(24) {
		c, peer, f := inRoleR(t, func(info *mesospb.FrameworkInfo) {
			info.Capabilities = append(info.Capabilities, &mesospb.FrameworkInfo_Capability{Type: mesospb.FrameworkInfo_Capability_REVOCABLE_RESOURCES.Enum()})
		})
		x, a := rand.New(rand.NewPCG(seed, 11)), newOperatingAgent(t, peer)
		events := 0
		acknowledge := func() {
			for ; events < len(f.Heard); events++ {
				if s := f.Heard[events].GetUpdateOperationStatus().GetStatus(); s.GetUuid() != nil {
					f.AcknowledgeOperation(a.id, s.GetOperationId().GetValue(), s.GetUuid().GetValue()[15])
				}
			}
		}
		for n := range 60 {
			switch x.IntN(7) {
			case 0, 1:
				accepted := []*mesospb.Offer_Operation{randomOperation(c, x, ""), randomOperation(c, x, fmt.Sprint(n))}
				f.Call(&schedulerpb.Call{Type: schedulerpb.Call_ACCEPT.Enum(), Accept: &schedulerpb.Call_Accept{
					OfferIds: []*mesospb.OfferID{f.Offer().Id}, Operations: accepted, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(0)},
				}})
			case 2, 3:
				requestOperation(c, a, x)
			case 4:
				a.handle()
				acknowledge()
			case 5:
				if x.IntN(3) == 0 {
					a.reregister()
				}
			case 6:
				overtake(c, a, x)
				c.Advance(time.Duration(x.IntN(1500)) * time.Millisecond)
			}
		}
		a.settle(c, acknowledge)
		applied += a.applied
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if applied < 200 {
		t.Errorf("only %d operations were applied", applied)
	}
}

// requestOperation begins an operator's request.
func requestOperation(c *mastertest.Cluster, a *operatingAgent, x *rand.Rand) {
	op := randomOperation(c, x, "")
	path := operatorCallOf[op.GetType()]
	if path == "" {
		return
	}
	list, text := "resources", "["
	if op.GetCreate() != nil || op.GetDestroy() != nil {
		list = "volumes"
	}
	for i, r := range facts.Resources(op) {
		if i > 0 {
			text += ","
		}
		text += string(mesosjson.Marshal(r))
	}
	c.Begin(http.MethodPost, "/master/"+path, http.Header{}, []byte("slaveId="+a.id.GetValue()+"&"+list+"="+text+"]"))
}

// The allocator is told again what an agent has if a report overtook an operator's request.
func TestReportOvertakesOperation(t *testing.T) {
	t.Parallel()
	c, peer, _ := inRoleR(t, nil)
	a := newOperatingAgent(t, peer)
	runtime.Tell(c.Master, func(m *master.Master) {
		op, err := m.CheckOperation(ids.AgentOf(a.id), c.Operation("", reserveDisk), nil)
		if err != nil {
			t.Error(err)
			return
		}
		m.ApplyOperation(ids.AgentOf(a.id), op)
	})
	a.Deliver(a.oversubscribe(1))
	c.Advance(100 * time.Millisecond)
	a.handle()
	c.Advance(8 * time.Second)
	c.Do(func(m *master.Master) {
		known := m.Book().Agents()[0]
		if offered := known.Offered().Unallocate(); !known.Total.Equal(offered.Plus(known.Total.Revocable())) || known.Checkpointed.IsEmpty() {
			t.Errorf("of %s, %s is offered", known.Total, offered)
		}
	})
}

// overtake lets an agent's report of revocable resources reach the master between an operator's request and the allocator's answer.
func overtake(c *mastertest.Cluster, a *operatingAgent, x *rand.Rand) {
	op := randomOperation(c, x, "")
	runtime.Tell(c.Master, func(m *master.Master) {
		if checked, err := m.CheckOperation(ids.AgentOf(a.id), op, nil); err == nil {
			m.ApplyOperation(ids.AgentOf(a.id), checked)
		}
	})
	a.Deliver(a.oversubscribe(float64(x.IntN(3))))
}

// settle lets everything come to an end, and compares what the agent has with what the master thinks.
func (a *operatingAgent) settle(c *mastertest.Cluster, acknowledge func()) {
	a.t.Helper()
	a.reregister()
	for range 6 {
		c.Advance(2 * time.Second)
		a.handle()
		acknowledge()
	}
	balanced(a.t, c, a.Peer)
	c.Do(func(m *master.Master) {
		known := m.Book().Agent(ids.AgentOf(a.id))
		if !known.Checkpointed.Equal(a.ledger.Checkpointed) || !known.Total.NonRevocable().Equal(a.ledger.Total) {
			a.t.Errorf("the agent has %s, the master thinks %s", a.ledger.Total, known.Total)
		}
		if known.OperationCount() > 0 || len(a.known) > 0 {
			a.t.Errorf("the master still has %v, the agent %v", known.Operations(), a.known)
		}
	})
}
