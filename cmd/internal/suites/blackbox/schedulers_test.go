package blackbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/program"
	"meseta/messages/ids"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/pb/v1/schedulerv1pb"
	"meseta/messages/recordio"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/sched"
)

// pause is between two attempts of a client that is refused.
const pause = 20 * time.Millisecond

// soon is the filter of frameworks that want offers again: at each of these they ask for tasks that they have lost sight of.
var soon = &mesospb.Filters{RefuseSeconds: proto.Float64(0.1)}

// notLeading are the answers of a master that does not lead: it knows no leader, it names one that is gone, or it has just been
// started and has no routes yet.
var notLeading = map[int]bool{http.StatusServiceUnavailable: true, http.StatusTemporaryRedirect: true, http.StatusNotFound: true}

// newNode starts a node that is closed with the test.
func newNode(t *testing.T) *runtime.Node {
	t.Helper()
	o := program.Options{Network: program.Network{IP: "127.0.0.1"}}
	node, err := o.Start(zerolog.Nop(), program.Node{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runtimetest.Close(t, node) })
	return node
}

// driven is a scheduler on the driver of v0 that launches the tasks of a ledger.
type driven struct {
	sched.Base
	*ledger
	t    *testing.T
	task taskMaker
}

// taskMaker makes the task of an ID from an offer; nil if the offer has not what it needs.
type taskMaker func(id string, o *mesospb.Offer) *mesospb.TaskInfo

// startDriven starts a scheduler of v0. stop tears its framework down.
func startDriven(t *testing.T, master string, l *ledger) (stop func()) {
	t.Helper()
	return startDrivenOf(t, master, "*", l, func(id string, o *mesospb.Offer) *mesospb.TaskInfo { return printing(id, o.GetSlaveId()) })
}

// startDrivenOf is startDriven of a role, with tasks of another kind.
func startDrivenOf(t *testing.T, master, role string, l *ledger, task taskMaker) (stop func()) {
	t.Helper()
	info := &mesospb.FrameworkInfo{
		User: proto.String("root"), Name: proto.String(l.name), Role: proto.String(role), FailoverTimeout: proto.Float64(3600), Checkpoint: proto.Bool(true),
	}
	d := sched.NewDriver(newNode(t), driven{ledger: l, t: t, task: task}, info, master, sched.Options{RegistrationBackoff: 10 * time.Millisecond})
	if status := d.Start(); status != sched.Running {
		t.Fatalf("the driver is %s", status)
	}
	return func() { d.Stop(false) }
}

// ResourceOffers implements [sched.Scheduler].
func (s driven) ResourceOffers(d *sched.Driver, offers []*mesospb.Offer) {
	var lost []*mesospb.TaskStatus
	for id, agent := range s.unended() {
		lost = append(lost, &mesospb.TaskStatus{
			TaskId: ids.Task(id).Proto(), SlaveId: ids.Agent(agent).Proto(), State: mesospb.TaskState_TASK_STAGING.Enum(),
		})
	}
	if len(lost) > 0 {
		d.ReconcileTasks(lost)
	}
	for _, o := range offers {
		var launched []*mesospb.TaskInfo
		if s.task("", o) != nil {
			if id, ok := s.launches(o.GetSlaveId().GetValue()); ok {
				launched = append(launched, s.task(id, o))
			}
		}
		d.LaunchTasks([]ids.Offer{ids.Offer(o.GetId().GetValue())}, launched, soon)
	}
}

// printing is the task of a ledger.
func printing(id string, agent *mesospb.SlaveID) *mesospb.TaskInfo {
	return &mesospb.TaskInfo{
		Name: proto.String(id), TaskId: ids.Task(id).Proto(), SlaveId: agent, Resources: parsed("cpus:0.1;mem:32"),
		Command: &mesospb.CommandInfo{Value: proto.String("echo ran " + id)},
	}
}

// StatusUpdate implements [sched.Scheduler].
func (s driven) StatusUpdate(_ *sched.Driver, status *mesospb.TaskStatus) {
	s.hears(status.GetTaskId().GetValue(), status.GetState(), status.GetUuid())
}

// Error implements [sched.Scheduler].
func (s driven) Error(_ *sched.Driver, message string) { s.t.Errorf("%s: %s", s.name, message) }

// subscriber is a scheduler of the HTTP API that launches the tasks of a ledger. It subscribes with one master after the other,
// and goes where it is redirected to.
type subscriber struct {
	*ledger
	t        *testing.T
	ctx      context.Context
	client   *http.Client
	id       string // of the framework; "" before it has subscribed
	url      string // of the master that it has subscribed with
	streamID string
}

// startSubscriber starts a scheduler of the HTTP API. stop returns when it has ended; its framework remains.
func startSubscriber(t *testing.T, masters string, l *ledger) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &subscriber{ledger: l, t: t, ctx: ctx, client: &http.Client{Transport: &http.Transport{}}}
	over := make(chan struct{})
	go func() {
		defer close(over)
		s.run(strings.Split(masters, ","))
	}()
	stop = func() {
		cancel()
		<-over
		s.client.CloseIdleConnections()
	}
	t.Cleanup(stop)
	return stop
}

func (s *subscriber) run(masters []string) {
	again := time.NewTicker(pause)
	defer again.Stop()
	for i := 0; ; i++ {
		s.subscribes(masters[i%len(masters)])
		select {
		case <-s.ctx.Done():
			return
		case <-again.C:
		}
	}
}

// subscribes subscribes and handles events until the stream ends.
func (s *subscriber) subscribes(master string) {
	info := fmt.Sprintf(`"user":"root","name":%q,"failover_timeout":3600,"checkpoint":true`, s.name)
	call := `"type":"SUBSCRIBE","subscribe":{"framework_info":{` + info + `}}`
	if s.id != "" {
		call = fmt.Sprintf(`"framework_id":{"value":%q},"type":"SUBSCRIBE","subscribe":{"framework_info":{"id":{"value":%[1]q},%s}}`, s.id, info)
	}
	answer, err := s.post("http://"+master+"/api/v1/scheduler", call)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusOK:
		s.url, s.streamID = answer.Request.URL.String(), answer.Header.Get("Mesos-Stream-Id")
		s.listens(recordio.NewReader(answer.Body, 0))
		s.url, s.streamID = "", ""
	case !notLeading[answer.StatusCode]:
		text, _ := io.ReadAll(answer.Body)
		s.t.Errorf("%s: SUBSCRIBE is answered %s %s", s.name, answer.Status, text)
	}
}

func (s *subscriber) listens(events *recordio.Reader) {
	for {
		record, err := events.Next()
		if err != nil {
			return
		}
		event := &schedulerv1pb.Event{}
		if err := mesosjson.Unmarshal(record, event); err != nil {
			s.t.Errorf("%s: %v", s.name, err)
			return
		}
		switch event.GetType() {
		case schedulerv1pb.Event_SUBSCRIBED:
			s.id = event.GetSubscribed().GetFrameworkId().GetValue()
		case schedulerv1pb.Event_OFFERS:
			s.offered(event.GetOffers().GetOffers())
		case schedulerv1pb.Event_UPDATE:
			s.updated(event.GetUpdate().GetStatus())
		case schedulerv1pb.Event_ERROR:
			s.t.Errorf("%s: %s", s.name, event.GetError().GetMessage())
			return
		}
	}
}

func (s *subscriber) offered(offers []*mesosv1pb.Offer) {
	var lost []string
	for id, agent := range s.unended() {
		lost = append(lost, fmt.Sprintf(`{"task_id":{"value":%q},"agent_id":{"value":%q}}`, id, agent))
	}
	if len(lost) > 0 {
		s.calls(`"type":"RECONCILE","reconcile":{"tasks":[` + strings.Join(lost, ",") + `]}`)
	}
	for _, o := range offers {
		agent, operations := o.GetAgentId().GetValue(), ""
		if id, ok := s.launches(agent); ok {
			operations = fmt.Sprintf(`{"type":"LAUNCH","launch":{"task_infos":[{"name":%q,"task_id":{"value":%[1]q},"agent_id":{"value":%q},`+
				`"command":{"value":"echo ran %[1]s"},"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}},`+
				`{"name":"mem","type":"SCALAR","scalar":{"value":32}}]}]}}`, id, agent)
		}
		s.calls(fmt.Sprintf(`"type":"ACCEPT","accept":{"offer_ids":[{"value":%q}],"operations":[%s],"filters":{"refuse_seconds":0.1}}`,
			o.GetId().GetValue(), operations))
	}
}

// updated enters an update and acknowledges it.
func (s *subscriber) updated(status *mesosv1pb.TaskStatus) {
	s.hears(status.GetTaskId().GetValue(), mesospb.TaskState(status.GetState()), status.GetUuid())
	if len(status.GetUuid()) == 0 {
		return
	}
	uuid, err := json.Marshal(status.GetUuid())
	if err != nil {
		s.t.Error(err)
	}
	s.calls(fmt.Sprintf(`"type":"ACKNOWLEDGE","acknowledge":{"agent_id":{"value":%q},"task_id":{"value":%q},"uuid":%s}`,
		status.GetAgentId().GetValue(), status.GetTaskId().GetValue(), uuid))
}

// calls makes a call. A leader that ends does not answer, or says that it is none.
func (s *subscriber) calls(fields string) {
	answer, err := s.post(s.url, fmt.Sprintf(`"framework_id":{"value":%q},`, s.id)+fields)
	if err != nil {
		return
	}
	answer.Body.Close()
	if code := answer.StatusCode; code/100 == 4 {
		s.t.Logf("%s: %s is answered %s", s.name, fields, answer.Status)
	}
}

func (s *subscriber) post(url, fields string) (*http.Response, error) {
	body := bytes.NewReader([]byte("{" + fields + "}"))
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, url, body)
	if err != nil {
		return nil, err
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
	if s.streamID != "" {
		req.Header.Set("Mesos-Stream-Id", s.streamID)
	}
	return s.client.Do(req)
}
