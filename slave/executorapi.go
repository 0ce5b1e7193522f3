package slave

import (
	"io"
	"net/http"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/validate"
)

// serveExecutor takes the calls of executors that speak HTTP.
//
// Mesos: Http::executor.
func (s *Slave) serveExecutor(req *runtime.Request) runtime.Future[*runtime.Response] {
	if s.state == recovering {
		return runtime.Ready(unavailable())
	}
	call, refused := executorCall(req)
	if refused != nil {
		return runtime.Ready(refused)
	}
	media := mediatype.JSON
	switch call.GetType() {
	case executorpb.Call_HEARTBEAT:
		return runtime.Ready(runtime.Accepted())
	case executorpb.Call_SUBSCRIBE:
		var err error
		if media, err = mediatype.ForAnswer(req.Header); err != nil {
			return runtime.Ready(refusedBy(err))
		}
	}
	f := s.book.Framework(ids.FrameworkOf(call.GetFrameworkId()))
	if f == nil {
		return runtime.Ready(runtime.BadRequest("Framework cannot be found"))
	}
	e := f.Executor(ids.ExecutorOf(call.GetExecutorId()))
	if e == nil {
		return runtime.Ready(runtime.BadRequest("Executor cannot be found"))
	}
	if e.State == book.Registering && call.GetType() != executorpb.Call_SUBSCRIBE {
		return runtime.Ready(runtime.Text(http.StatusForbidden, "Executor is not subscribed"))
	}
	return runtime.Ready(s.executorCalls(f, e, call, media))
}

// executorCalls carries out a valid call of an executor that is there.
func (s *Slave) executorCalls(f *book.Framework, e *book.Executor, call *executorpb.Call, media mediatype.Type) *runtime.Response {
	switch call.GetType() {
	case executorpb.Call_SUBSCRIBE:
		stream := runtime.NewStream()
		s.subscribe(f, e, call.GetSubscribe(), book.Line{Stream: stream, Media: media})
		return &runtime.Response{
			Status: http.StatusOK, Header: http.Header{"Content-Type": {media.String()}}, Stream: stream,
		}
	case executorpb.Call_UPDATE:
		s.update(e, call.GetUpdate().GetStatus())
	case executorpb.Call_MESSAGE:
		s.executorMessage(runtime.PID{}, &internalpb.ExecutorToFrameworkMessage{
			SlaveId: s.info.GetId(), FrameworkId: f.ID.Proto(), ExecutorId: e.ID.Proto(), Data: call.GetMessage().GetData(),
		})
	default:
		return runtime.Text(http.StatusNotImplemented, "501 Not Implemented.")
	}
	return runtime.Accepted()
}

// executorCall reads a call; if it is none, the answer to that.
func executorCall(req *runtime.Request) (*executorpb.Call, *runtime.Response) {
	call := &executorpb.Call{}
	if refused := readCall(req, call); refused != nil {
		return nil, refused
	}
	if err := validate.ExecutorCall(call); err != nil {
		return nil, runtime.BadRequest("Failed to validate Executor::Call: " + err.Error())
	}
	return call, nil
}

// readCall reads the body of a POST, a call of v1, into its namesake of v0; if it cannot be read, it returns the answer to
// that.
func readCall(req *runtime.Request, call proto.Message) *runtime.Response {
	if req.Method != http.MethodPost {
		return runtime.MethodNotAllowed(req, http.MethodPost)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return runtime.BadRequest("Failed to read the body: " + err.Error())
	}
	if err := mediatype.ReadV1(req.Header, body, call); err != nil {
		return refusedBy(err)
	}
	return nil
}

// refusedBy is the answer to a request that package mediatype refuses.
func refusedBy(err error) *runtime.Response {
	refusal := err.(*mediatype.Refusal)
	return runtime.Text(refusal.Status, refusal.Text)
}

// subscribe lets an executor in, or lets it come back: its earlier stream, if any, is closed, and it tells what it could
// not before.
//
// Mesos: Slave::subscribe.
func (s *Slave) subscribe(f *book.Framework, e *book.Executor, x *executorpb.Call_Subscribe, l book.Line) {
	log := s.Log().With().Stringer("executor_id", e.ID).Stringer("framework_id", f.ID).Logger()
	if s.state == terminating || f.Terminating || e.State >= book.Terminating {
		log.Warn().Stringer("state", e.State).Msg("executor is not expected to subscribe, shutting it down")
		s.dismiss(l)
		return
	}
	if e.Line.Stream != nil {
		log.Warn().Msg("executor subscribes again, closing its earlier stream")
		e.Line.Stream.Close()
	}
	log.Info().Msg("executor subscribed")
	s.connect(e, l)
	for _, u := range x.GetUnacknowledgedUpdates() {
		s.update(e, u.GetStatus())
	}
	s.dropUnseen(e, x.GetUnacknowledgedTasks())
	if e.State == book.Running { // it may have said what ends it
		s.beat(runOf(e), l)
		s.admit(f, e)
	}
}

// dropUnseen gives up on tasks that were sent and never arrived.
func (s *Slave) dropUnseen(e *book.Executor, seen []*mesospb.TaskInfo) {
	known := taskIDs(seen)
	f := s.book.Framework(e.Framework)
	for t := range e.Launched() {
		id := ids.TaskOf(t.GetTaskId())
		if t.GetState() != mesospb.TaskState_TASK_STAGING || contains(known, id) {
			continue
		}
		s.Log().Warn().Stringer("task_id", id).Stringer("executor_id", e.ID).Msg("task never reached its executor")
		s.report(s.newUpdate(f.ID, id, e.ID, outcome{
			state:   lostOr(mesospb.TaskState_TASK_DROPPED, f.Info),
			reason:  mesospb.TaskStatus_REASON_SLAVE_RESTARTED,
			message: "Task launched during agent restart",
		}))
	}
}

// update takes the word of an executor that speaks HTTP about a task.
func (s *Slave) update(e *book.Executor, status *mesospb.TaskStatus) {
	agent := ids.AgentOf(status.GetSlaveId())
	if _, err := ids.UUIDOf(status.GetUuid()); err != nil || agent != "" && agent != s.id() {
		s.Log().Warn().AnErr("err", err).Stringer("agent_id", agent).Stringer("executor_id", e.ID).
			Msg("status update ignored: it has no proper uuid, or is meant for another agent")
		s.counts.updates.invalid++
		return
	}
	status = proto.CloneOf(status)
	status.SlaveId, status.ExecutorId, status.Source = s.info.GetId(), e.ID.Proto(), mesospb.TaskStatus_SOURCE_EXECUTOR.Enum()
	if status.Timestamp == nil {
		status.Timestamp = proto.Float64(seconds(s.Now()))
	}
	s.accept(report{executor: e.ID, update: &internalpb.StatusUpdate{
		FrameworkId: e.Framework.Proto(), ExecutorId: e.ID.Proto(), SlaveId: s.info.GetId(),
		Status: status, Timestamp: status.Timestamp, Uuid: status.GetUuid(),
	}})
}
