package master_test

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"meseta/master/mastertest"
	"meseta/messages/evolve"
	"meseta/messages/mediatype"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/pb/v1/schedulerv1pb"
	"meseta/messages/resources"
)

// schedulerStep is one thing that the recorded scheduler did.
type schedulerStep struct {
	name       string
	offered    []*mesospb.Resource // in the offer that it accepted; nil if it accepted none
	operations []*mesospb.Offer_Operation
	heard      []*schedulerpb.Event // after that, in order
}

// readJSON reads a call or an event of the scheduler API.
func readJSON(t *testing.T, text string, into proto.Message) {
	t.Helper()
	if err := mediatype.Read(http.Header{"Content-Type": {"application/json"}}, []byte(text), into); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

// readOperations reads a list of operations.
func readOperations(t *testing.T, text string) []*mesospb.Offer_Operation {
	t.Helper()
	call := &schedulerv1pb.Call{}
	readJSON(t, `{"type":"ACCEPT","accept":{"operations":`+text+`}}`, call)
	return evolve.Devolve[schedulerpb.Call](call).GetAccept().GetOperations()
}

// schedulerSteps reads golden/operations/3-scheduler-log.txt.
func schedulerSteps(t *testing.T) (all []*schedulerStep) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(shared(t), "golden", "operations", "3-scheduler-log.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "## "); ok {
			name, _, _ = strings.Cut(name, " -> ")
			all = append(all, &schedulerStep{name: name})
		} else if text, ok := strings.CutPrefix(line, "offer resources: "); ok {
			all[len(all)-1].offered = readOperations(t, `[{"type":"RESERVE","reserve":{"resources":`+text+`}}]`)[0].GetReserve().GetResources()
		} else if text, ok := strings.CutPrefix(line, "ACCEPT operations: "); ok {
			all[len(all)-1].operations = readOperations(t, text)
		} else if text, ok := strings.CutPrefix(line, "  "); ok {
			event := &schedulerv1pb.Event{}
			readJSON(t, text, event)
			all[len(all)-1].heard = append(all[len(all)-1].heard, evolve.Devolve[schedulerpb.Event](event))
		}
	}
	return all
}

// shownAfter are the looks at the master that were recorded after a step.
var shownAfter = map[string]string{
	"RESERVE with id":                   "3-scheduler-01-after-reserve-",
	"CREATE with id":                    "3-scheduler-02-after-create-",
	"LAUNCH with the volume":            "3-scheduler-03-task-with-volume-running-",
	"RESERVE with id, not acknowledged": "3-scheduler-04-unacked-",
	"agent killed and restarted with an unacknowledged operation": "3-scheduler-05-unacked-restarted-",
	"acknowledged": "3-scheduler-06-acked-",
	"DESTROY":      "3-scheduler-07-after-destroy-",
	"UNRESERVE":    "3-scheduler-08-end-",
}

// schedulerReplay is the recorded scheduler and its agent with our master.
type schedulerReplay struct {
	*testing.T
	c     *mastertest.Cluster
	f     *mastertest.Client
	agent *mastertest.Peer // as it registered
	now   *mastertest.Peer // as it is after its restart
	looks []recordedOperation
	uuids byte

	accepted map[string]bool // offers
	silent   int             // how many operations there were when the agent has reported one without an ID
	shrunk   bool            // a volume
	lazy     bool            // the scheduler does not acknowledge
	repeats  bool            // the agent sends statuses again
}

// A scheduler of v1 carries out operations with and without IDs, good and bad, alone and together with tasks that use their
// results; asks for their states; and leaves one unacknowledged while the agent restarts. The master sends the scheduler the
// events that Mesos sends, with the same offers and errors; it sends the agent the same operations; and it shows the same
// resources after each step.
//
// Recorded in golden/operations/3-scheduler-*.
func TestRecordedSchedulerOperations(t *testing.T) {
	t.Parallel()
	steps := schedulerSteps(t)
	if len(steps) < 18 || len(recordedOperations(t, "3-scheduler")) < 24 {
		t.Fatalf("only %d steps are recorded", len(steps))
	}
	id := regexp.MustCompile(`([-0-9a-f]{36})-S0`).FindStringSubmatch(steps[0].heard[0].String())[1]
	r := &schedulerReplay{T: t, accepted: map[string]bool{}, looks: recordedOperations(t, "3-scheduler")}
	r.c, r.agent = recordedCluster(t, id)
	r.now = r.agent
	r.f = r.c.Client("red-fw", mediatype.JSON)
	info := mastertest.Framework(mesospb.FrameworkInfo_Capability_MULTI_ROLE, mesospb.FrameworkInfo_Capability_RESERVATION_REFINEMENT)
	info.Roles, info.Principal, info.FailoverTimeout = []string{"red"}, proto.String("prin"), proto.Float64(600)
	r.f.Subscribe(info)
	for _, s := range steps {
		r.play(s)
	}
	sameApplied(t, "3-scheduler", r.applied())
}

// play has the scheduler do what it did, and compares what it hears.
func (r *schedulerReplay) play(s *schedulerStep) {
	r.Helper()
	before := len(r.f.Heard)
	r.lazy = strings.Contains(s.name, "not acknowledged") || strings.Contains(s.name, "restarted")
	r.repeats = strings.Contains(s.name, "restarted")
	switch {
	case s.operations != nil:
		r.accept(s)
	case s.name == "RECONCILE_OPERATIONS of everything":
		r.f.ReconcileOperations(nil)
	case strings.HasPrefix(s.name, "RECONCILE_OPERATIONS"):
		r.reconcile()
	default:
		r.restartAgent()
	}
	for _, e := range s.heard {
		r.cause(e)
	}
	r.shrunk = r.shrunk || strings.HasPrefix(s.name, "SHRINK")
	r.compare(s, r.f.Heard[before:])
	r.look(s.name)
	if strings.Contains(s.name, "restarted") {
		r.f.AcknowledgeOperation(mastertest.AgentID(r.agent), "op-unacked", r.uuids)
		r.look("acknowledged")
	}
}

// offers are the offers that the scheduler has, oldest first.
func (r *schedulerReplay) offers() (all []*mesospb.Offer) {
	for _, e := range r.f.Heard {
		switch e.GetType() {
		case schedulerpb.Event_OFFERS:
			all = append(all, e.GetOffers().GetOffers()...)
		case schedulerpb.Event_RESCIND:
			all = slices.DeleteFunc(all, func(o *mesospb.Offer) bool { return proto.Equal(o.Id, e.GetRescind().GetOfferId()) })
		}
	}
	return slices.DeleteFunc(all, func(o *mesospb.Offer) bool { return r.accepted[o.GetId().GetValue()] })
}

// accept accepts the oldest offer, which must have what was offered at that moment of the recording.
func (r *schedulerReplay) accept(s *schedulerStep) {
	r.Helper()
	all := r.offers()
	if len(all) == 0 {
		r.Fatalf("%s: nothing is offered\n%s", s.name, r.c.Conversation())
	}
	got, want := sorted(resources.FromValid(all[0].GetResources()).String()), sorted(r.complete(resources.FromValid(s.offered).String()))
	if got != want {
		r.Errorf("%s: %s is offered, not %s", s.name, got, want)
	}
	r.accepted[all[0].GetId().GetValue()] = true
	r.f.Accept(all[0], s.operations...)
}

// reconcile asks for the states of operations: a known one, an unknown one, one of an unknown agent, and one without an agent.
func (r *schedulerReplay) reconcile() {
	r.Helper()
	ask := &schedulerpb.Call_ReconcileOperations{}
	for _, about := range []struct{ operation, agent string }{
		{"op-reserve", mastertest.AgentID(r.agent).GetValue()}, {"nosuch", mastertest.AgentID(r.agent).GetValue()}, {"nosuch", "noagent"}, {"nosuch", ""},
	} {
		one := &schedulerpb.Call_ReconcileOperations_Operation{OperationId: &mesospb.OperationID{Value: &about.operation}}
		if about.agent != "" {
			one.SlaveId = &mesospb.SlaveID{Value: &about.agent}
		}
		ask.Operations = append(ask.Operations, one)
	}
	r.f.Call(&schedulerpb.Call{Type: schedulerpb.Call_RECONCILE_OPERATIONS.Enum(), ReconcileOperations: ask})
}

// applied are the operations that the agent was sent.
func (r *schedulerReplay) applied() []*internalpb.ApplyOperationMessage {
	all := r.agent.Applied()
	if r.now != r.agent {
		all = append(all, r.now.Applied()...)
	}
	return all
}

// cause has the agent do that of which the scheduler heard in the recording, and has the scheduler acknowledge it.
func (r *schedulerReplay) cause(e *schedulerpb.Event) {
	r.Helper()
	switch e.GetType() {
	case schedulerpb.Event_UPDATE:
		r.uuids++
		status := proto.CloneOf(e.GetUpdate().GetStatus())
		update := r.agent.Update(r.f.FrameworkID(), status.GetTaskId().GetValue(), status.GetState(), r.uuids)
		status.Uuid, update.Update.Status = mastertest.UUID(r.uuids), status
		r.now.Say(update)
		r.f.Call(&schedulerpb.Call{Type: schedulerpb.Call_ACKNOWLEDGE.Enum(), Acknowledge: &schedulerpb.Call_Acknowledge{
			SlaveId: status.SlaveId, TaskId: status.TaskId, Uuid: status.Uuid,
		}})
	case schedulerpb.Event_UPDATE_OPERATION_STATUS:
		if status := e.GetUpdateOperationStatus().GetStatus(); status.Uuid != nil {
			r.finish(status.GetOperationId().GetValue())
		}
	case schedulerpb.Event_OFFERS:
		if all := r.applied(); all[len(all)-1].GetOperationInfo().Id == nil && len(all) > r.silent { // of this the scheduler hears nothing
			r.silent = len(all)
			r.finish("")
		}
		r.c.Advance(time.Second)
	}
}

// finish has the agent report that it has carried out the newest operation with an ID.
func (r *schedulerReplay) finish(id string) {
	r.Helper()
	for _, m := range slices.Backward(r.applied()) {
		if m.GetOperationInfo().GetId().GetValue() != id {
			continue
		}
		if !r.repeats {
			r.uuids++
		}
		status := r.agent.OperationStatus(m, mesospb.OperationState_OPERATION_FINISHED, r.uuids)
		r.now.Say(status)
		if id != "" && !r.lazy {
			r.f.AcknowledgeOperation(status.SlaveId, id, r.uuids)
		}
		return
	}
	r.Fatalf("the agent was not sent the operation %q", id)
}

// restartAgent ends the agent, and registers it again as it did in the recording.
func (r *schedulerReplay) restartAgent() {
	r.Helper()
	r.agent.Exit()
	r.c.Advance(time.Second)
	r.now = r.c.Peer("agent", "slave(1)", "127.0.0.1:5051")
	conversation := r.recordedFile("3-scheduler-wire-timeline.txt")
	reregistration, report := &internalpb.ReregisterSlaveMessage{}, &internalpb.UpdateSlaveMessage{}
	lastRecorded(r.T, conversation, reregistration)
	lastRecorded(r.T, conversation, report)
	all := r.applied()
	report.Operations.Operations[0].Uuid = all[len(all)-1].GetOperationUuid() // which our master has chosen
	r.now.Say(reregistration)
	r.now.Say(report)
}

func (r *schedulerReplay) recordedFile(name string) string {
	r.Helper()
	content, err := os.ReadFile(filepath.Join(shared(r.T), "golden", "operations", name))
	if err != nil {
		r.Fatal(err)
	}
	return string(content)
}

// lastRecorded reads the last message of a kind in a recorded conversation.
func lastRecorded(t *testing.T, conversation string, into proto.Message) {
	t.Helper()
	parts := strings.Split(conversation, "--- decoded "+string(into.ProtoReflect().Descriptor().FullName())+":\n")
	text, _, _ := strings.Cut(parts[len(parts)-1], "\n\n")
	if err := prototext.Unmarshal([]byte(text), into); err != nil || len(parts) < 2 {
		t.Fatalf("%T: %v", into, err)
	}
}

// compare demands that the scheduler has heard, of each kind of event, what it heard in the recording.
func (r *schedulerReplay) compare(s *schedulerStep, heard []*schedulerpb.Event) {
	r.Helper()
	ours, theirs := brieflyByKind(heard, func(text string) string { return text }), brieflyByKind(s.heard, r.complete)
	if d := gocmp.Diff(theirs, ours, protocmp.Transform()); d != "" {
		r.Errorf("%s: the scheduler heard (-recorded +ours)\n%s", s.name, d)
	}
}

// freeReserved is the free part of the disk that the recorded scheduler has reserved, in an offer.
var freeReserved = regexp.MustCompile(`(disk\(allocated: red\)\(reservations: \[\(DYNAMIC,red,prin\)\]\):)(\d+)`)

// complete returns a recorded list of offered resources as it should be. The C++ master never offers the 32 MB again by which
// its scheduler has made a volume smaller; it only shows them among those of the agent.
func (r *schedulerReplay) complete(text string) string {
	if !r.shrunk {
		return text
	}
	return freeReserved.ReplaceAllStringFunc(text, func(s string) string {
		m := freeReserved.FindStringSubmatch(s)
		megabytes, err := strconv.Atoi(m[2])
		if err != nil {
			r.Fatal(err)
		}
		return m[1] + strconv.Itoa(megabytes+32)
	})
}

// lacking sorts the resources in an error about what does not contain others.
func lacking(message string) string {
	has, lacks, found := strings.Cut(message, " does not contain ")
	if !found {
		return message
	}
	return sorted(has) + " does not contain " + lacks
}

// brieflyByKind groups events by their types, without what is random in them. Offers are what they have, as complete makes it.
func brieflyByKind(all []*schedulerpb.Event, complete func(string) string) map[string][]any {
	kinds := map[string][]any{}
	for _, e := range all {
		var brief any
		switch e.GetType() {
		case schedulerpb.Event_UPDATE:
			status := proto.CloneOf(e.GetUpdate().GetStatus())
			status.Uuid, status.Timestamp = nil, nil
			brief = status
		case schedulerpb.Event_UPDATE_OPERATION_STATUS:
			status := proto.CloneOf(e.GetUpdateOperationStatus().GetStatus())
			if status.Uuid != nil {
				status.Uuid.Value = nil
			}
			if status.Message != nil {
				status.Message = proto.String(lacking(complete(status.GetMessage())))
			}
			brief = status
		case schedulerpb.Event_OFFERS:
			var offers []string
			for _, o := range e.GetOffers().GetOffers() {
				offers = append(offers, fmt.Sprintf("%s of %s: %s", o.GetId().GetValue(), o.GetSlaveId().GetValue(),
					sorted(complete(resources.FromValid(o.GetResources()).String()))))
			}
			brief = strings.Join(offers, "\n")
		case schedulerpb.Event_RESCIND:
			brief = e.GetRescind().GetOfferId().GetValue()
		}
		kinds[e.GetType().String()] = append(kinds[e.GetType().String()], brief)
	}
	slices.SortFunc(kinds["RESCIND"], func(a, b any) int { return cmp.Compare(a.(string), b.(string)) })
	return kinds
}

// look asks the master what was asked after a step of the recording.
func (r *schedulerReplay) look(step string) {
	r.Helper()
	for _, look := range r.looks {
		if prefix, ok := shownAfter[step]; ok && strings.HasPrefix(look.name, prefix) {
			look.replay(r.T, r.c)
		}
	}
}
