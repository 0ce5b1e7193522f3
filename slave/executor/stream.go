package executor

import (
	"errors"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// again is the delay before a call is made again to an agent that was not ready.
const again = time.Second

// heartbeat is the time between heartbeats to the agent, which keep idle connections open.
//
// Mesos: DEFAULT_HEARTBEAT_CALL_INTERVAL.
const heartbeat = 30 * time.Minute

// stream is the line of v1. Calls are made one after the other, so that they arrive in order. What is not delivered
// when the stream breaks is sent with the next subscription.
type stream struct {
	p      *ExecutorProcess
	agent  HTTP
	events Events   // nil if not subscribed
	calls  []func() // make one; the first is in progress
	epoch  int      // of the subscription; results of an earlier one are ignored
}

func (s *stream) open() {
	s.subscribe()
	s.beat()
}

func (s *stream) beat() {
	s.p.Delay(heartbeat, func() {
		s.make(s.call(executorpb.Call_HEARTBEAT))
		s.beat()
	})
}

// subscribe subscribes, with the tasks and updates that the agent may not know.
func (s *stream) subscribe() {
	if !s.p.listens() {
		return
	}
	s.close()
	call := s.call(executorpb.Call_SUBSCRIBE)
	call.Subscribe = &executorpb.Call_Subscribe{UnacknowledgedTasks: append([]*mesospb.TaskInfo(nil), s.p.tasks...)}
	for _, u := range s.p.updates {
		call.Subscribe.UnacknowledgedUpdates = append(call.Subscribe.UnacknowledgedUpdates, &executorpb.Call_Update{Status: s.status(u)})
	}
	epoch, told := s.epoch, len(s.p.updates)
	runtime.Await(s.p, s.agent.Subscribe(s.p, call), func(events Events, err error) {
		switch {
		case s.epoch != epoch:
			if err == nil {
				events.Close()
			}
		case err == nil:
			s.events = events
			s.catchUp(s.p.updates[told:])
			s.next(epoch)
		default:
			s.failed(err, func() { s.p.Delay(again, s.subscribe) })
		}
	})
}

// catchUp sends updates that were made while the agent was asked for a subscription. Acknowledgements come only with one, so
// they are the last ones.
func (s *stream) catchUp(updates []*internalpb.StatusUpdate) {
	for _, u := range updates {
		s.update(u)
	}
}

// next waits for an event.
func (s *stream) next(epoch int) {
	runtime.Await(s.p, s.events.Next(s.p), func(e *executorpb.Event, err error) {
		switch {
		case s.epoch != epoch:
		case err != nil:
			s.lost(err)
		default:
			s.p.handle(e)
			if s.epoch == epoch {
				s.next(epoch)
			}
		}
	})
}

// failed distinguishes an agent that is away, one that is not ready, and one that refuses the call.
func (s *stream) failed(err error, notReady func()) {
	var refused *StatusError
	switch {
	case !errors.As(err, &refused):
		s.lost(err)
	case refused.Temporary():
		s.p.Log().Warn().Err(err).Msg("the agent is not ready")
		notReady()
	default:
		s.p.fail(err.Error())
	}
}

func (s *stream) lost(err error) {
	level := zerolog.InfoLevel
	if s.p.away.Active() { // it was away before
		level = zerolog.DebugLevel
	}
	s.p.Log().WithLevel(level).Err(err).Msg("disconnected from the agent")
	s.close()
	s.p.lost()
}

// retry subscribes again after a random delay, because all executors lose their agent at the same time.
//
// Mesos: MesosProcess::backoff.
func (s *stream) retry() {
	s.p.Delay(time.Duration(s.p.Rand().Float64()*float64(s.p.env.Backoff)), s.subscribe)
}

func (s *stream) exited(runtime.PID) {}

func (s *stream) update(u *internalpb.StatusUpdate) {
	call := s.call(executorpb.Call_UPDATE)
	call.Update = &executorpb.Call_Update{Status: s.status(u)}
	s.make(call)
}

func (s *stream) message(data []byte) {
	call := s.call(executorpb.Call_MESSAGE)
	call.Message = &executorpb.Call_Message{Data: data}
	s.make(call)
}

func (s *stream) call(t executorpb.Call_Type) *executorpb.Call {
	return &executorpb.Call{Type: t.Enum(), FrameworkId: s.p.env.FrameworkID.Proto(), ExecutorId: s.p.env.ExecutorID.Proto()}
}

// status returns an update as a status of v1.
func (s *stream) status(u *internalpb.StatusUpdate) *mesospb.TaskStatus {
	status := proto.CloneOf(u.GetStatus())
	status.ExecutorId, status.Source = s.p.env.ExecutorID.Proto(), mesospb.TaskStatus_SOURCE_EXECUTOR.Enum()
	return status
}

// make queues a call, unless there is no subscription.
func (s *stream) make(call *executorpb.Call) {
	if s.events == nil {
		return
	}
	s.calls = append(s.calls, runtime.BegunHere(s.p, func() { s.pump(call) }))
	if len(s.calls) == 1 {
		s.calls[0]()
	}
}

// pump makes a call until the agent is ready for it, and then the one after it.
//
// Differs: Mesos gives up a call for which the agent is not ready. What becomes of a task while an agent recovers is then not known
// before that agent, too, is lost.
func (s *stream) pump(call *executorpb.Call) {
	epoch := s.epoch
	runtime.Await(s.p, s.agent.Call(s.p, call), func(_ struct{}, err error) {
		switch {
		case s.epoch != epoch:
		case err != nil:
			s.failed(err, func() { s.p.Delay(again, func() { s.proceed(epoch) }) })
		default:
			s.calls = s.calls[1:]
			s.proceed(epoch)
		}
	})
}

// proceed makes the first call that waits, unless that subscription is over.
func (s *stream) proceed(epoch int) {
	if s.epoch == epoch && len(s.calls) > 0 {
		s.calls[0]()
	}
}

// close ends a subscription and drops the calls that were not made.
func (s *stream) close() {
	if s.events != nil {
		s.events.Close()
	}
	s.events, s.calls = nil, nil
	s.epoch++
}
