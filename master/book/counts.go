package book

import (
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/tasks"
)

// Counts counts events of a framework since it subscribed to this master. Only metrics show it.
type Counts struct {
	Calls      Tally // by schedulerpb.Call_Type
	Events     Tally // by schedulerpb.Event_Type
	Operations Tally // accepted ones, by mesospb.Offer_Operation_Type
	Ended      Tally // tasks, by terminal mesospb.TaskState

	OffersSent, OffersAccepted, OffersDeclined, OffersRescinded uint64
}

// Tally counts the values of an enum. Values beyond its size, which no current peer sends, are not counted.
type Tally [24]uint64

// Add counts one value.
func (t *Tally) Add(kind int32) {
	if kind >= 0 && int(kind) < len(t) {
		t[kind]++
	}
}

// Sum returns the sum over all values.
func (t *Tally) Sum() (n uint64) {
	for _, of := range t {
		n += of
	}
	return n
}

// Called counts a call of the scheduler.
func (f *Framework) Called(t schedulerpb.Call_Type) { f.Counts.Calls.Add(int32(t)) }

// Told counts an event sent to the scheduler.
func (f *Framework) Told(t schedulerpb.Event_Type) { f.Counts.Events.Add(int32(t)) }

// Operated counts an operation on offers.
func (f *Framework) Operated(t mesospb.Offer_Operation_Type) { f.Counts.Operations.Add(int32(t)) }

// TaskStates counts the non-terminal and the unreachable tasks of f by state.
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
