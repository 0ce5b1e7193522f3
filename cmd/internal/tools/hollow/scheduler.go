package main

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// scheduler launches its share of tasks on each agent, and acknowledges their updates.
type scheduler struct {
	runtime.Actor
	master runtime.PID
	guard  *guard
	tally  *tally
	share  int  // number of tasks on an agent
	left   int  // number of tasks still to be launched
	stay   bool // tasks keep running
	detail bool // tasks have details
	id     *mesospb.FrameworkID
	states map[ids.Task]mesospb.TaskState
	began  chan<- time.Time // receives the time of the first launch
}

// Initialize implements [runtime.Initializer].
func (s *scheduler) Initialize() {
	runtime.Install(s, s.registered)
	runtime.Install(s, s.offers)
	runtime.Install(s, s.update)
	runtime.Install(s, s.rescinded)
	runtime.Install(s, s.refused)
	s.states = map[ids.Task]mesospb.TaskState{}
	s.guard.admit(&s.Actor, s.master, time.Minute, s.tally, s.subscribe)
}

func (s *scheduler) subscribe() {
	info := &mesospb.FrameworkInfo{User: proto.String("hollow"), Name: proto.String("hollow"), FailoverTimeout: proto.Float64(3600)}
	if s.guard != nil {
		info.Principal = s.guard.credential.Principal
	}
	s.Send(s.master, &schedulerpb.Call{
		Type: schedulerpb.Call_SUBSCRIBE.Enum(), Subscribe: &schedulerpb.Call_Subscribe{FrameworkInfo: info},
	})
}

func (s *scheduler) registered(_ runtime.PID, msg *internalpb.FrameworkRegisteredMessage) {
	s.id = msg.FrameworkId
}

func (s *scheduler) refused(_ runtime.PID, msg *internalpb.FrameworkErrorMessage) {
	s.tally.fail("the master ends the framework: %s", msg.GetMessage())
}

func (s *scheduler) rescinded(_ runtime.PID, msg *internalpb.RescindResourceOfferMessage) {
	s.tally.fail("offer %s was rescinded", msg.GetOfferId().GetValue())
}

func (s *scheduler) offers(_ runtime.PID, msg *internalpb.ResourceOffersMessage) {
	if s.began != nil {
		s.began <- s.Now()
		s.began = nil
	}
	for _, o := range msg.GetOffers() {
		s.accept(o)
	}
}

// accept launches tasks on an offer, and declines the remaining resources for a short time.
func (s *scheduler) accept(o *mesospb.Offer) {
	call := &schedulerpb.Call_Accept{
		OfferIds: []*mesospb.OfferID{o.Id}, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(3600)},
	}
	if tasks := s.tasks(o.SlaveId); len(tasks) > 0 {
		call.Operations = []*mesospb.Offer_Operation{{
			Type:   mesospb.Offer_Operation_LAUNCH.Enum(),
			Launch: &mesospb.Offer_Operation_Launch{TaskInfos: tasks},
		}}
	}
	s.Send(s.master, &schedulerpb.Call{FrameworkId: s.id, Type: schedulerpb.Call_ACCEPT.Enum(), Accept: call})
}

// tasks returns the next tasks for an agent.
func (s *scheduler) tasks(agent *mesospb.SlaveID) []*mesospb.TaskInfo {
	var made []*mesospb.TaskInfo
	for ; len(made) < s.share && s.left > 0; s.left-- {
		id := "task-" + strconv.Itoa(s.left)
		if s.stay {
			id = staying + id
		}
		s.states[ids.Task(id)] = mesospb.TaskState_TASK_STAGING
		info := taskInfo(id, agent)
		if s.detail {
			describe(info)
		}
		made = append(made, info)
	}
	return made
}

func taskInfo(id string, agent *mesospb.SlaveID) *mesospb.TaskInfo {
	return &mesospb.TaskInfo{
		Name: &id, TaskId: ids.Task(id).Proto(), SlaveId: agent, Resources: smallest,
		Command: &mesospb.CommandInfo{Value: proto.String("true")},
	}
}

// before maps each state to the one that must precede it.
var before = map[mesospb.TaskState]mesospb.TaskState{
	mesospb.TaskState_TASK_RUNNING:  mesospb.TaskState_TASK_STAGING,
	mesospb.TaskState_TASK_FINISHED: mesospb.TaskState_TASK_RUNNING,
}

func (s *scheduler) update(_ runtime.PID, msg *internalpb.StatusUpdateMessage) {
	status := msg.GetUpdate().GetStatus()
	id, state := ids.TaskOf(status.GetTaskId()), status.GetState()
	last, known := s.states[id]
	if expected, can := before[state]; !known || !can || last != expected {
		s.tally.fail("%s came for task %s in %s: %s", state, id, last, status.GetMessage())
		return
	}
	s.states[id] = state
	s.Send(s.master, &schedulerpb.Call{
		FrameworkId: s.id, Type: schedulerpb.Call_ACKNOWLEDGE.Enum(),
		Acknowledge: &schedulerpb.Call_Acknowledge{SlaveId: status.SlaveId, TaskId: status.TaskId, Uuid: status.Uuid},
	})
}
