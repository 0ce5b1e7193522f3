package master_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// goodOperations can all be applied to an offer for role "r". goodOperation replaces names that begin with $.
var goodOperations = []string{
	`type: LAUNCH launch { task_infos { $TASK command { value: "true" } } task_infos { $TASK command { value: "true" } } }`,
	`type: LAUNCH launch { task_infos { $TASK executor { $EXECUTOR command { value: "run" } } } task_infos { $TASK executor { $EXECUTOR command { value: "run" } } } }`,
	`type: LAUNCH launch { task_infos { $TASK command { value: "true" environment { variables { name: "a" value: "b" } } } health_check { type: HTTP http { port: 80 path: "/" } }
		check { type: TCP tcp { port: 80 } } kill_policy { grace_period { nanoseconds: 1 } } max_completion_time { nanoseconds: 1 } limits { key: "cpus" value { value: 2 } }
		container { type: MESOS volumes { container_path: "x" host_path: "/x" mode: RW } linux_info { share_cgroups: true } } } }`,
	`type: LAUNCH_GROUP launch_group { executor { $EXECUTOR type: DEFAULT } task_group { tasks { $TASK command { value: "true" } } tasks { $TASK } tasks { $TASK } } }`,
	`type: LAUNCH_GROUP launch_group { executor { $EXECUTOR type: CUSTOM command { value: "run" } } task_group { tasks { $TASK executor { $EXECUTOR type: CUSTOM command { value: "run" } } } } }`,
	`type: RESERVE id { value: "$ID" } reserve { resources { $CPU $RESERVED } }`,
	`type: UNRESERVE id { value: "$ID" } unreserve { resources { $CPU $RESERVED } }`,
	`type: CREATE id { value: "$ID" } create { volumes { $VOLUME } }`,
	`type: DESTROY id { value: "$ID" } destroy { volumes { $VOLUME } }`,
	`type: GROW_VOLUME id { value: "$ID" } grow_volume { volume { $VOLUME } addition { name: "disk" type: SCALAR scalar { value: 1 } $RESERVED } }`,
	`type: SHRINK_VOLUME id { value: "$ID" } shrink_volume { volume { $VOLUME } subtract { value: 1 } }`,
	`type: CREATE_DISK id { value: "$ID" } create_disk { source { name: "disk" type: SCALAR scalar { value: 9 } provider_id { value: "p" } disk { source { type: RAW } } } target_type: MOUNT target_profile: "x" }`,
	`type: DESTROY_DISK id { value: "$ID" } destroy_disk { source { name: "disk" type: SCALAR scalar { value: 9 } provider_id { value: "p" } disk { source { type: MOUNT id: "x" } } } }`,
}

// goodOperation parses one of them and gives it fresh names.
func goodOperation(t *testing.T, text string, agent, framework string, n int) *mesospb.Offer_Operation {
	t.Helper()
	const scalar = `name: "%s" type: SCALAR scalar { value: %v }`
	for _, word := range [][2]string{
		{"$EXECUTOR", `executor_id { value: "eNEW" } framework_id { value: "$FRAMEWORK" } resources { $CPU } resources { $MEM } resources { $DISK }`},
		{"$TASK", `name: "t" task_id { value: "tNEW" } slave_id { value: "$AGENT" } resources { $CPU } resources { $MEM }`},
		{"$VOLUME", `$DISK $RESERVED disk { persistence { id: "v" } volume { container_path: "x" mode: RW } }`},
		{"$RESERVED", `reservations { type: DYNAMIC role: "r" }`},
		{"$CPU", fmt.Sprintf(scalar, "cpus", 0.5)}, {"$MEM", fmt.Sprintf(scalar, "mem", 64)}, {"$DISK", fmt.Sprintf(scalar, "disk", 64)},
		{"$AGENT", agent}, {"$FRAMEWORK", framework},
	} {
		text = strings.ReplaceAll(text, word[0], word[1])
	}
	for i := 0; strings.Contains(text, "tNEW"); i++ {
		text = strings.Replace(text, "tNEW", fmt.Sprintf("t%d-%d", n, i), 1)
	}
	op := &mesospb.Offer_Operation{}
	if err := prototext.Unmarshal([]byte(strings.ReplaceAll(text, "eNEW", fmt.Sprintf("e%d", n))), op); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return op
}

// mutate changes one thing somewhere in m.
func (b *babbler) mutate(m protoreflect.Message) {
	var present []protoreflect.FieldDescriptor
	m.Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		present = append(present, field)
		return true
	})
	if len(present) == 0 {
		b.add(m)
		return
	}
	// Range is unordered, so the seed decides.
	field := present[0]
	pick := b.IntN(len(present))
	for _, f := range present {
		if lower := countBelow(present, f); lower == pick {
			field = f
		}
	}
	switch {
	case b.IntN(8) == 0:
		m.Clear(field)
	case b.IntN(8) == 0:
		b.add(m)
	case field.IsMap():
		m.Clear(field)
	case field.IsList() && field.Message() != nil:
		list := m.Mutable(field).List()
		i := b.IntN(list.Len())
		if b.IntN(4) == 0 {
			list.Append(protoreflect.ValueOfMessage(proto.Clone(list.Get(i).Message().Interface()).ProtoReflect()))
			return
		}
		b.mutate(list.Get(i).Message())
	case field.IsList():
		m.Mutable(field).List().Append(b.scalar(field))
	case field.Message() != nil:
		b.mutate(m.Mutable(field).Message())
	case field.Kind() == protoreflect.DoubleKind:
		m.Set(field, protoreflect.ValueOfFloat64([]float64{
			-1, 0, 1e-9, 0.0005, 3, 1e300, math.Inf(1), math.Inf(-1), math.NaN(), math.SmallestNonzeroFloat64,
		}[b.IntN(10)]))
	default:
		m.Set(field, b.scalar(field))
	}
}

func countBelow(fields []protoreflect.FieldDescriptor, than protoreflect.FieldDescriptor) (n int) {
	for _, f := range fields {
		if f.Number() < than.Number() {
			n++
		}
	}
	return n
}

// add sets a field of m to a random value.
func (b *babbler) add(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	if fields.Len() == 0 {
		return
	}
	if field := fields.Get(b.IntN(fields.Len())); !field.IsMap() {
		b.set(m, field, 3)
	}
}

// mutants is a framework that sends valid calls with one mistake.
type mutants struct {
	*mastertest.Cluster
	*babbler
	agent *mastertest.Peer
	f     *mastertest.Client
}

// However an operation is wrong, it is answered: each task is launched or refused once, and each operation with an ID
// is either sent to the agent or gets one status.
func TestMutatedOperationsAreAnswered(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			c := mastertest.New(t, mastertest.Config{Seed: seed + 1})
			x := &mutants{Cluster: c, agent: c.Agent("agent", "10.0.0.2:5051"), f: c.Client("f", []mediatype.Type{mediatype.Protobuf, mediatype.JSON}[seed%2])}
			info := mastertest.Framework(mesospb.FrameworkInfo_Capability_RESERVATION_REFINEMENT)
			info.Role = proto.String("r")
			x.f.Subscribe(info)
			x.babbler = &babbler{rand.New(rand.NewPCG(seed, 4)), []string{
				"", "*", "r", "r/s", "cpus", "disk", "..", "a b", "x\x00y", mastertest.AgentID(x.agent).GetValue(), x.f.FrameworkID().GetValue(),
			}}
			for n := range 150 {
				x.round(t, n)
			}
			c.Do(func(m *master.Master) {
				a := m.Book().Agents()[0]
				if used := a.Used(); !used.IsEmpty() || a.OperationCount() > 0 {
					t.Errorf("%s is in use and %v are not over when all is over", used, a.Operations())
				}
			})
		})
	}
}

func (x *mutants) round(t *testing.T, n int) {
	t.Helper()
	x.agent.Heard = x.agent.Heard[:1] // keep the registration
	x.Advance(1100 * time.Millisecond)
	accept := &schedulerpb.Call_Accept{
		OfferIds: []*mesospb.OfferID{x.f.Offer().Id}, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(0)},
	}
	for i := range 1 + x.IntN(2) {
		text := goodOperations[x.IntN(len(goodOperations))]
		op := goodOperation(t, text, x.words[9], x.words[10], 10*n+i)
		for range x.IntN(3) {
			x.mutate(op.ProtoReflect())
		}
		accept.Operations = append(accept.Operations, op)
	}
	x.f.Heard = x.f.Heard[:0]
	r := x.f.Post(&schedulerpb.Call{Type: schedulerpb.Call_ACCEPT.Enum(), Accept: accept})
	x.Advance(200 * time.Millisecond)
	switch {
	case r.Status == http.StatusBadRequest && len(r.Body) > 0:
		x.f.Call(&schedulerpb.Call{Type: schedulerpb.Call_DECLINE.Enum(), Decline: &schedulerpb.Call_Decline{
			OfferIds: accept.OfferIds, Filters: accept.Filters,
		}})
	case r.Status == http.StatusAccepted:
		x.judge(t, accept)
	default:
		t.Errorf("%v is answered %d %s", accept, r.Status, r.Body)
	}
	x.finish()
}

// judge compares the operations with the answers.
func (x *mutants) judge(t *testing.T, accept *schedulerpb.Call_Accept) {
	t.Helper()
	tasks, operations := 0, 0
	for _, op := range accept.GetOperations() {
		switch op.GetType() {
		case mesospb.Offer_Operation_UNKNOWN:
		case mesospb.Offer_Operation_LAUNCH:
			tasks += len(op.GetLaunch().GetTaskInfos())
		case mesospb.Offer_Operation_LAUNCH_GROUP:
			tasks += len(op.GetLaunchGroup().GetTaskGroup().GetTasks())
		default:
			if op.Id != nil {
				operations++
			}
		}
	}
	var launched, refused, statuses, applied int
	for _, m := range x.agent.Heard {
		switch m := m.(type) {
		case *internalpb.RunTaskMessage:
			launched++
		case *internalpb.RunTaskGroupMessage:
			launched += len(m.GetTaskGroup().GetTasks())
		case *internalpb.ApplyOperationMessage:
			if m.GetOperationInfo().Id != nil {
				applied++
			}
		}
	}
	for _, e := range x.f.Heard {
		switch e.GetType() {
		case schedulerpb.Event_UPDATE:
			refused++
			if s := e.GetUpdate().GetStatus(); s.GetState() != mesospb.TaskState_TASK_ERROR || s.GetMessage() == "" || s.Uuid != nil || s.Reason == nil {
				t.Errorf("refused by %v", s)
			}
		case schedulerpb.Event_UPDATE_OPERATION_STATUS:
			statuses++
			if s := e.GetUpdateOperationStatus().GetStatus(); s.GetState() != mesospb.OperationState_OPERATION_ERROR || s.GetMessage() == "" || s.Uuid != nil {
				t.Errorf("refused by %v", s)
			}
		}
	}
	if launched+refused != tasks || statuses+applied != operations {
		t.Errorf("%d tasks launched and %d refused of %d, %d operations applied and %d refused of %d: %v",
			launched, refused, tasks, applied, statuses, operations, accept)
	}
}

// finish ends the tasks that were launched, and the operations that were sent.
func (x *mutants) finish() {
	var tasks []*mesospb.TaskInfo
	executors := map[string]bool{}
	for _, m := range x.agent.Heard {
		switch m := m.(type) {
		case *internalpb.RunTaskMessage:
			tasks = append(tasks, m.Task)
		case *internalpb.RunTaskGroupMessage:
			tasks = append(tasks, m.GetTaskGroup().GetTasks()...)
			executors[m.GetExecutor().GetExecutorId().GetValue()] = true
		}
	}
	for _, t := range tasks {
		x.agent.Report(x.f.FrameworkID(), t.GetTaskId().GetValue(), mesospb.TaskState_TASK_FINISHED, 1)
		x.f.Call(&schedulerpb.Call{Type: schedulerpb.Call_ACKNOWLEDGE.Enum(), Acknowledge: &schedulerpb.Call_Acknowledge{
			SlaveId: ids.Agent(x.words[9]).Proto(), TaskId: t.TaskId, Uuid: mastertest.UUID(1),
		}})
		if t.Executor != nil {
			executors[t.GetExecutor().GetExecutorId().GetValue()] = true
		}
	}
	for _, m := range x.agent.Applied() {
		x.agent.Say(&internalpb.UpdateOperationStatusMessage{
			FrameworkId: m.FrameworkId, SlaveId: ids.Agent(x.words[9]).Proto(), OperationUuid: m.OperationUuid,
			Status: &mesospb.OperationStatus{State: mesospb.OperationState_OPERATION_FINISHED.Enum(), OperationId: m.GetOperationInfo().Id},
		})
	}
	for e := range executors {
		x.agent.Say(&internalpb.ExitedExecutorMessage{
			SlaveId: ids.Agent(x.words[9]).Proto(), FrameworkId: x.f.FrameworkID(), ExecutorId: ids.Executor(e).Proto(), Status: proto.Int32(0),
		})
	}
}
