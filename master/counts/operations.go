package counts

import (
	"strings"

	"meseta/actors/metrics"
	"meseta/messages/pb/mesospb"
)

// Operations counts operations on resources by type and state: those that are in the book and not terminal, and all that ever
// became terminal.
type Operations struct {
	all    operationStates
	byType map[mesospb.Offer_Operation_Type]operationStates
}

// operationStates counts operations by state.
type operationStates map[mesospb.OperationState]int64

// Enter counts an operation in its first state, or in the state that it is in when it is lost with its agent.
func (o *Operations) Enter(t mesospb.Offer_Operation_Type, s mesospb.OperationState) { o.add(t, s, 1) }

// Leave counts that an operation which is not terminal is forgotten.
func (o *Operations) Leave(t mesospb.Offer_Operation_Type, s mesospb.OperationState) { o.add(t, s, -1) }

// Move counts a change of an operation's state.
func (o *Operations) Move(t mesospb.Offer_Operation_Type, from, to mesospb.OperationState) {
	if from != to {
		o.Leave(t, from)
		o.Enter(t, to)
	}
}

func (o *Operations) add(t mesospb.Offer_Operation_Type, s mesospb.OperationState, n int64) {
	if o.byType == nil {
		o.all, o.byType = operationStates{}, map[mesospb.Offer_Operation_Type]operationStates{}
	}
	if o.byType[t] == nil {
		o.byType[t] = operationStates{}
	}
	o.all[s] += n
	o.byType[t][s] += n
}

// measure adds the counters of all types of operations on resources.
//
// Mesos: Metrics::OperationStates.
func (o *Operations) measure(s *metrics.Sample) {
	o.all.measure(s, "master/operations/")
	for _, k := range operationNames {
		switch t := mesospb.Offer_Operation_Type(k.kind); t {
		case mesospb.Offer_Operation_LAUNCH, mesospb.Offer_Operation_LAUNCH_GROUP:
		default:
			o.byType[t].measure(s, "master/operations/"+k.name+"/")
		}
	}
}

// The states in the order of their numbers. Operations leave those in current again.
var (
	current = []mesospb.OperationState{
		mesospb.OperationState_OPERATION_PENDING, mesospb.OperationState_OPERATION_UNREACHABLE, mesospb.OperationState_OPERATION_RECOVERING,
	}
	final = []mesospb.OperationState{
		mesospb.OperationState_OPERATION_FINISHED, mesospb.OperationState_OPERATION_FAILED, mesospb.OperationState_OPERATION_ERROR,
		mesospb.OperationState_OPERATION_DROPPED, mesospb.OperationState_OPERATION_GONE_BY_OPERATOR,
	}
)

func (o operationStates) measure(s *metrics.Sample, prefix string) {
	total := int64(0)
	for _, n := range o {
		total += n
	}
	s.Counter(prefix+"total", uint64(total))
	for _, state := range current {
		s.Gauge(prefix+shortOperationState(state), float64(o[state]))
	}
	for _, state := range final {
		s.Counter(prefix+shortOperationState(state), uint64(o[state]))
	}
}

// shortOperationState returns "pending" for OPERATION_PENDING, and so on.
func shortOperationState(state mesospb.OperationState) string {
	return strings.ToLower(strings.TrimPrefix(state.String(), "OPERATION_"))
}
