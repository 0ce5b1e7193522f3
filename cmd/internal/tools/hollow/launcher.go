package main

import (
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// launcher is a scheduler that keeps its offers until it needs them. It launches tasks in laps.
type launcher struct {
	runtime.Actor
	master runtime.PID
	tally  *tally
	id     *mesospb.FrameworkID
	offers []*mesospb.Offer
	lap    *lap
	serial int
	tasks  map[ids.Task]launched
}

// launched is a task of a lap.
type launched struct {
	at    time.Time
	state mesospb.TaskState
}

// lap is a number of tasks that run and finish. A lap with a rate launches tasks at that rate. A lap with a window
// launches them as fast as possible, with at most window tasks in flight.
type lap struct {
	tasks  int
	each   int // launched on one offer
	rate   int // per second
	window int
	done   chan<- outcome

	began              time.Time
	launched, finished int
	waits              []time.Duration // time from the launch of a task until it runs
}

// outcome is the result of a lap.
type outcome struct {
	rate         float64       // tasks per second, from the first launch until the last task has finished
	middle, late time.Duration // time until 50 % and 99 % of the tasks ran
}

// Initialize implements [runtime.Initializer].
func (l *launcher) Initialize() {
	runtime.Install(l, l.registered)
	runtime.Install(l, l.offered)
	runtime.Install(l, l.update)
	runtime.Install(l, l.rescinded)
	runtime.Install(l, l.refused)
	l.tasks = map[ids.Task]launched{}
	l.Send(l.master, &schedulerpb.Call{
		Type: schedulerpb.Call_SUBSCRIBE.Enum(),
		Subscribe: &schedulerpb.Call_Subscribe{
			FrameworkInfo: &mesospb.FrameworkInfo{User: proto.String("hollow"), Name: proto.String("launcher")},
		},
	})
}

func (l *launcher) registered(_ runtime.PID, msg *internalpb.FrameworkRegisteredMessage) {
	l.id = msg.FrameworkId
}

func (l *launcher) refused(_ runtime.PID, msg *internalpb.FrameworkErrorMessage) {
	l.tally.fail("the master ends the framework: %s", msg.GetMessage())
}

func (l *launcher) rescinded(_ runtime.PID, msg *internalpb.RescindResourceOfferMessage) {
	l.tally.fail("offer %s was rescinded", msg.GetOfferId().GetValue())
}

func (l *launcher) offered(_ runtime.PID, msg *internalpb.ResourceOffersMessage) {
	l.offers = append(l.offers, msg.GetOffers()...)
	l.launch()
}

// begin begins a lap.
func (l *launcher) begin(next *lap) {
	l.lap = next
	next.began = l.Now()
	l.launch()
	if next.rate > 0 {
		l.tick(next)
	}
}

func (l *launcher) tick(current *lap) {
	if l.lap != current || current.launched == current.tasks {
		return
	}
	l.launch()
	l.Delay(5*time.Millisecond, func() { l.tick(current) })
}

// launch launches the tasks that are due, as far as there are offers.
func (l *launcher) launch() {
	for l.lap != nil && len(l.offers) > 0 {
		n := l.lap.due(l.Now())
		if n == 0 {
			return
		}
		o := l.offers[0]
		l.offers = l.offers[1:]
		l.accept(o, min(n, roomIn(o)))
	}
}

// due returns how many tasks should be launched now, on one offer.
func (p *lap) due(now time.Time) int {
	wanted := p.tasks
	if p.rate > 0 {
		wanted = min(wanted, int(now.Sub(p.began).Seconds()*float64(p.rate)))
	} else {
		wanted = min(wanted, p.finished+p.window)
	}
	if due := wanted - p.launched; due >= p.each || wanted == p.tasks {
		return min(due, p.each)
	}
	return 0 // too few for an offer
}

// accept launches tasks on an offer, whose remaining resources are offered again.
func (l *launcher) accept(o *mesospb.Offer, n int) {
	tasks := make([]*mesospb.TaskInfo, n)
	for i := range tasks {
		l.serial++
		id := "lap-" + strconv.Itoa(l.serial)
		l.tasks[ids.Task(id)] = launched{l.Now(), mesospb.TaskState_TASK_STAGING}
		tasks[i] = taskInfo(id, o.SlaveId)
	}
	l.lap.launched += len(tasks)
	l.Send(l.master, &schedulerpb.Call{FrameworkId: l.id, Type: schedulerpb.Call_ACCEPT.Enum(), Accept: &schedulerpb.Call_Accept{
		OfferIds: []*mesospb.OfferID{o.Id}, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(0)},
		Operations: []*mesospb.Offer_Operation{{
			Type: mesospb.Offer_Operation_LAUNCH.Enum(), Launch: &mesospb.Offer_Operation_Launch{TaskInfos: tasks},
		}},
	}})
}

// roomIn returns how many tasks an offer has room for.
func roomIn(o *mesospb.Offer) int {
	for _, r := range o.GetResources() {
		if r.GetName() == "cpus" {
			return int(r.GetScalar().GetValue()*room/32 + 0.5)
		}
	}
	return 0
}

func (l *launcher) update(_ runtime.PID, msg *internalpb.StatusUpdateMessage) {
	status := msg.GetUpdate().GetStatus()
	id, state := ids.TaskOf(status.GetTaskId()), status.GetState()
	task, known := l.tasks[id]
	if expected, can := before[state]; !known || !can || task.state != expected {
		l.tally.fail("%s came for task %s in %s: %s", state, id, task.state, status.GetMessage())
		return
	}
	l.Send(l.master, &schedulerpb.Call{
		FrameworkId: l.id, Type: schedulerpb.Call_ACKNOWLEDGE.Enum(),
		Acknowledge: &schedulerpb.Call_Acknowledge{SlaveId: status.SlaveId, TaskId: status.TaskId, Uuid: status.Uuid},
	})
	if state == mesospb.TaskState_TASK_RUNNING {
		l.lap.waits = append(l.lap.waits, l.Now().Sub(task.at))
		task.state = state
		l.tasks[id] = task
		return
	}
	delete(l.tasks, id)
	if l.lap.finished++; l.lap.finished == l.lap.tasks {
		l.lap.done <- l.lap.outcome(l.Now())
		l.lap = nil
		return
	}
	l.launch()
}

func (p *lap) outcome(now time.Time) outcome {
	slices.Sort(p.waits)
	return outcome{
		rate:   float64(p.tasks) / now.Sub(p.began).Seconds(),
		middle: p.waits[len(p.waits)/2], late: p.waits[len(p.waits)*99/100],
	}
}
