package conversation

import (
	"encoding/hex"
	"time"

	"meseta/runtime/internal/eventid"
	"meseta/runtime/internal/traceparent"
)

// Foreign returns the ids, in hexadecimal digits, of the trace and the span of another tracer that a beginning belongs to, as
// the traceparent of its request says. They are empty if it has none.
func (s *Step) Foreign() (trace, span string) {
	if s.above != nil || s.caused == "" || len(s.Parent) < traceparent.Size {
		return "", ""
	}
	return s.Parent[3:35], s.Parent[36:52]
}

// beginning is the first of the steps that led to s.
func (s *Step) beginning() *Step {
	for s.above != nil {
		s = s.above
	}
	return s
}

// Span is the id, in hexadecimal digits, of the span that stands for the step where traces of other tracers refer to it: in
// the traceparent of what was sent in it.
func (s *Step) Span() string {
	id, err := eventid.Parse(s.ID())
	if err != nil {
		return ""
	}
	span := traceparent.Span(id)
	return hex.EncodeToString(span[:])
}

// End is when the step was over, or, if it was not, when it was last seen.
func (s *Step) End() time.Time {
	for _, t := range []time.Time{s.Begun, s.Queued, s.Sent} {
		if !t.IsZero() {
			return t.Add(s.Took)
		}
	}
	return s.At()
}
