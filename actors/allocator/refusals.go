package allocator

import (
	"container/heap"
	"math"
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/units"
)

// Durations of refusals. Mesos: Filters.refuse_seconds and its checks.
const (
	defaultRefusal = 5 * time.Second
	longestRefusal = 365 * 24 * time.Hour
)

// refusal is an offer filter: a client declined resources of an agent, and is not offered the agent again until the
// refusal ends or more is available there.
type refusal struct {
	client    *client
	agent     *agent
	resources resources.Resources // not allocated
	until     time.Time
	index     int // in the queue
}

// covers reports whether the refusal filters an offer of rs.
func (r *refusal) covers(rs resources.Resources) bool { return r.resources.Contains(rs) }

// refusals orders all refusals by their end.
type refusals struct{ queue refusalQueue }

// add adds a refusal.
func (rs *refusals) add(r *refusal) {
	id := r.agent.id
	if r.client.refused == nil {
		r.client.refused = map[ids.Agent][]*refusal{}
	}
	r.client.refused[id] = append(r.client.refused[id], r)
	heap.Push(&rs.queue, r)
}

// expire removes the refusals that ended before now, and calls expired for each. A refusal that ends exactly now still
// holds, so that a refusal as long as the allocation interval outlives the next cycle.
func (rs *refusals) expire(now time.Time, expired func(*refusal)) {
	for len(rs.queue) > 0 && rs.queue[0].until.Before(now) {
		r := heap.Pop(&rs.queue).(*refusal)
		r.client.forget(r)
		expired(r)
	}
}

// dropClient removes all refusals of c.
func (rs *refusals) dropClient(c *client) {
	for _, of := range c.refused {
		rs.remove(of)
	}
	c.refused = nil
}

// dropAgent removes c's refusals of an agent.
func (rs *refusals) dropAgent(c *client, id ids.Agent) {
	rs.remove(c.refused[id])
	delete(c.refused, id)
}

func (rs *refusals) remove(some []*refusal) {
	for _, r := range some {
		heap.Remove(&rs.queue, r.index)
	}
}

// refuses reports whether a refusal of c filters an offer of rs on an agent.
func (c *client) refuses(id ids.Agent, rs resources.Resources) bool {
	for _, r := range c.refused[id] {
		if r.covers(rs) {
			return true
		}
	}
	return false
}

// forget removes a refusal that is no longer queued.
func (c *client) forget(r *refusal) {
	id := r.agent.id
	left := c.refused[id][:0]
	for _, other := range c.refused[id] {
		if other != r {
			left = append(left, other)
		}
	}
	if len(left) == 0 {
		delete(c.refused, id)
		return
	}
	c.refused[id] = left
}

// RefusalTime returns how long to honour the refuse_seconds of filters; the default is 5 seconds. Negative values and
// NaN mean the default, and values above the longest duration are reduced to it. odd reports whether the result differs
// from the request.
func RefusalTime(filters *mesospb.Filters) (d time.Duration, odd bool) {
	switch seconds := filters.GetRefuseSeconds(); {
	case seconds > longestRefusal.Seconds():
		return longestRefusal, true
	case seconds < 0 || math.IsNaN(seconds):
		return defaultRefusal, true
	default:
		return units.Seconds(seconds), false
	}
}

// refusalQueue is a heap of refusals, ordered by their end.
type refusalQueue []*refusal

func (q refusalQueue) Len() int           { return len(q) }
func (q refusalQueue) Less(i, j int) bool { return q[i].until.Before(q[j].until) }
func (q refusalQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements [heap.Interface].
func (q *refusalQueue) Push(x any) {
	r := x.(*refusal)
	r.index = len(*q)
	*q = append(*q, r)
}

// Pop implements [heap.Interface].
func (q *refusalQueue) Pop() any {
	last := len(*q) - 1
	r := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return r
}
