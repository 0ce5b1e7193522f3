package book

import (
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/tasks"
)

// Counts is how often things happened to a framework since it came to this master. They are for metrics; views do not
// show them.
type Counts struct {
	Calls      Tally // by schedulerpb.Call_Type
	Events     Tally // by schedulerpb.Event_Type
	Operations Tally // accepted ones, by mesospb.Offer_Operation_Type
	Ended      Tally // tasks, by terminal mesospb.TaskState

	OffersSent, OffersAccepted, OffersDeclined, OffersRescinded uint64
}

// Tally counts the values of an enum. Those it has no room for, which no peer of today sends, are not counted.
type Tally [24]uint64

// Add counts one of a kind.
func (t *Tally) Add(kind int32) {
	if kind >= 0 && int(kind) < len(t) {
		t[kind]++
	}
}

// Sum is how many there are of all kinds.
func (t *Tally) Sum() (n uint64) {
	for _, of := range t {
		n += of
	}
	return n
}

// Called counts a call of the scheduler.
func (f *Framework) Called(t schedulerpb.Call_Type) { f.Counts.Calls.Add(int32(t)) }

// Told counts an event for the scheduler.
func (f *Framework) Told(t schedulerpb.Event_Type) { f.Counts.Events.Add(int32(t)) }

// Operated counts an operation on offers.
func (f *Framework) Operated(t mesospb.Offer_Operation_Type) { f.Counts.Operations.Add(int32(t)) }

// TaskStates counts the tasks of f that are not over, and those that are unreachable, by state.
func (f *Framework) TaskStates() (states Tally) {
	for _, t := range f.tasks {
		if !tasks.IsTerminal(t.State) {
			states.Add(int32(t.State))
		}
	}
	for _, t := range f.unreachable.values() {
		if t.State == mesospb.TaskState_TASK_UNREACHABLE {
			states.Add(int32(t.State))
		}
	}
	return states
}
