package master_test

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/master/mastertest"
	"meseta/messages/mediatype"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// client picks a scheduler that uses HTTP and has a stream.
func (c *chaos) client() (*mastertest.Client, bool) {
	var open []*mastertest.Client
	for _, f := range c.clients {
		if !f.Closed && f.FrameworkID() != nil {
			open = append(open, f)
		}
	}
	return pick(c, open)
}

// subscribeClient subscribes a scheduler over HTTP. It is a new framework, or the failover of one that uses either API.
func (c *chaos) subscribeClient() {
	info := mastertest.Framework(partitionAware)
	info.FailoverTimeout = proto.Float64(float64(c.rand.IntN(2) * 100))
	switch c.rand.IntN(3) {
	case 0:
		if s, ok := c.scheduler(); ok {
			info = proto.CloneOf(s.info)
			info.Id = mastertest.FrameworkID(s.Peer)
			s.gone = true
		}
	case 1:
		if f, ok := c.client(); ok {
			info.Id = f.FrameworkID()
		}
	}
	c.serial++
	f := c.Client(fmt.Sprintf("c%d", c.serial), []mediatype.Type{mediatype.JSON, mediatype.Protobuf}[c.rand.IntN(2)])
	f.Subscribe(info)
	c.clients = append(c.clients, f)
}

// launchByClient accepts or declines the last offer.
func (c *chaos) launchByClient() {
	f, ok := c.client()
	if !ok {
		return
	}
	var offers []*mesospb.Offer
	for _, e := range f.Heard {
		offers = append(offers, e.GetOffers().GetOffers()...)
	}
	if len(offers) == 0 {
		return
	}
	o := offers[len(offers)-1]
	if c.rand.IntN(4) == 0 {
		f.Post(&schedulerpb.Call{Type: schedulerpb.Call_DECLINE.Enum(), Decline: &schedulerpb.Call_Decline{OfferIds: []*mesospb.OfferID{o.Id}}})
		return
	}
	c.serial++
	task := mastertest.Task(fmt.Sprintf("t%d", c.serial), o)
	task.Resources = []*mesospb.Resource{mastertest.Resource("cpus", 1), mastertest.Resource("mem", 100)}
	f.Post(&schedulerpb.Call{Type: schedulerpb.Call_ACCEPT.Enum(), Accept: &schedulerpb.Call_Accept{
		OfferIds: []*mesospb.OfferID{o.Id}, Operations: []*mesospb.Offer_Operation{mastertest.LaunchOperation(task)},
	}})
}

// endClient tears a framework down, breaks its stream, or makes it fail over to a driver.
func (c *chaos) endClient() {
	f, ok := c.client()
	if !ok {
		return
	}
	switch c.rand.IntN(3) {
	case 0:
		f.Post(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()})
	case 1:
		f.HangUp()
	case 2:
		info := mastertest.Framework(partitionAware)
		info.Id = f.FrameworkID()
		c.serial++
		p := c.Peer(fmt.Sprintf("f%d", c.serial), fmt.Sprintf("scheduler-f%d", c.serial), c.address())
		p.Subscribe(info, true)
		c.schedulers = append(c.schedulers, &scheduler{Peer: p, info: info})
	}
}
