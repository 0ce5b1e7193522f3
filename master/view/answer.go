package view

import (
	"iter"
	"time"

	"meseta/messages/answer"
	"meseta/messages/mediatype"
	"meseta/messages/pb/masterpb"
)

type (
	element = answer.Element
	field   = answer.Field[*Cluster]
)

// Answer returns the body of the answer to call.
func (c *Cluster) Answer(media mediatype.Type, call *Call) iter.Seq[[]byte] {
	return answer.Body(media, new(masterpb.Response), call.kind, c, call.field)
}

// Subscribed returns the first event of the operator API's stream.
func (c *Cluster) Subscribed(media mediatype.Type, heartbeat time.Duration) iter.Seq[[]byte] {
	subscribed := field{Name: "subscribed", Fields: []field{
		state, {Name: "heartbeat_interval_seconds", Number: new(heartbeat.Seconds())},
	}}
	return answer.Body(media, new(masterpb.Event), masterpb.Event_SUBSCRIBED, c, subscribed)
}
