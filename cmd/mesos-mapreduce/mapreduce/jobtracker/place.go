package jobtracker

import (
	"hash/fnv"
	"maps"
	"slices"
)

// Offer is the room in an offer.
type Offer struct {
	Node    Node
	Free    Cost
	Tracker bool // the framework's executor runs there
}

// Launch says to launch an attempt on an offer.
type Launch struct {
	Offer       int // index into the offers
	Attempt     Attempt
	Local       bool // the split is on that node; false for reduces
	WithTracker bool // the first task of the node, which needs the executor's resources in addition
}

// Place visits the offers in turn and places one task at a time until no offer has room for another. The attempts that
// it returns count as running.
func (t *Tracker) Place(offers []Offer) []Launch {
	free := make([]Cost, len(offers))
	var open []int
	for i, o := range offers {
		free[i] = o.Free
		open = append(open, i)
		t.meet(o)
	}
	var launches []Launch
	for len(open) > 0 {
		open = slices.DeleteFunc(open, func(i int) bool {
			l, cost, ok := t.placeOne(offers[i].Node, free[i])
			if ok {
				l.Offer = i
				free[i] = free[i].minus(cost)
				launches = append(launches, l)
			}
			return !ok
		})
	}
	return launches
}

// meet records a node, and whether an executor runs there. An offer that was made while tasks are being launched does
// not show that yet.
func (t *Tracker) meet(o Offer) {
	node := t.nodes[o.Node]
	if node == nil {
		node = &nodeState{}
		t.nodes[o.Node] = node
	}
	if node.running == [2]int{} || o.Tracker {
		node.tracker = o.Tracker
	}
}

// placeOne places one task on a node if there is room and a task.
func (t *Tracker) placeOne(n Node, free Cost) (Launch, Cost, bool) {
	node := t.nodes[n]
	cost := t.options.Task
	if !node.tracker {
		cost = cost.plus(t.options.TaskTracker)
	}
	if !cost.within(free) {
		return Launch{}, Cost{}, false
	}
	for _, j := range t.jobs {
		k, local := t.choose(j, n)
		if k == nil {
			continue
		}
		l := Launch{Local: local, WithTracker: !node.tracker}
		node.tracker = true
		node.running[k.id.Kind]++
		k.state, k.node = running, n
		k.attempts++
		l.Attempt = Attempt{k.id, k.attempts}
		return l, cost, true
	}
	return Launch{}, Cost{}, false
}

// choose picks a task of j for a node. If both kinds are pending, it prefers the one of which the node runs the smaller
// share.
func (t *Tracker) choose(j *jobState, n Node) (k *task, local bool) {
	if j.failure != "" {
		return nil, false
	}
	m, local := t.chooseMap(j, n)
	r := t.chooseReduce(j, n)
	switch node := t.nodes[n]; {
	case m == nil:
		return r, false
	case r == nil:
		return m, local
	case node.running[Reduce]*len(j.maps) < node.running[Map]*len(j.reduces):
		return r, false
	default:
		return m, local
	}
}

// chooseMap prefers maps whose split is on the node. It avoids maps that failed there, unless they failed everywhere.
func (t *Tracker) chooseMap(j *jobState, n Node) (best *task, local bool) {
	for _, k := range j.maps {
		if k.state != pending || !t.welcome(k, n) {
			continue
		}
		if t.holds(n, k) {
			return k, true
		}
		if best == nil {
			best = k
		}
	}
	return best, false
}

// chooseReduce returns nil until enough maps are done, so that there is something to fetch.
func (t *Tracker) chooseReduce(j *jobState, n Node) *task {
	if !t.mayReduce(j) {
		return nil
	}
	for _, k := range j.reduces {
		if k.state == pending && t.welcome(k, n) {
			return k
		}
	}
	return nil
}

func (t *Tracker) mayReduce(j *jobState) bool {
	return float64(count(j.maps, done)) >= t.options.SlowStart*float64(len(j.maps))
}

// Placeable reports whether a task waits for an offer.
func (t *Tracker) Placeable() bool {
	for _, j := range t.jobs {
		if j.failure == "" && (count(j.maps, pending) > 0 || count(j.reduces, pending) > 0 && t.mayReduce(j)) {
			return true
		}
	}
	return false
}

func (t *Tracker) welcome(k *task, n Node) bool {
	return !slices.Contains(k.failedOn, n) || len(k.failedOn) >= len(t.nodes)
}

// holds reports whether the split of k is on n. A split that all nodes can read is assigned to one of them, so that a
// second run finds it in the same node's cache.
func (t *Tracker) holds(n Node, k *task) bool {
	if len(k.holders) > 0 {
		return slices.Contains(k.holders, n)
	}
	return t.home(k) == n
}

// home returns the known node with the highest hash for the split, so that most splits keep their node when nodes come
// and go.
func (t *Tracker) home(k *task) Node {
	var best Node
	var most uint32
	for _, n := range slices.Sorted(maps.Keys(t.nodes)) {
		h := fnv.New32a()
		h.Write([]byte{byte(k.id.Index), byte(k.id.Index >> 8), byte(k.id.Index >> 16), byte(k.id.Index >> 24)})
		h.Write([]byte(n))
		if v := mix(h.Sum32()); best == "" || v > most {
			best, most = n, v
		}
	}
	return best
}

// mix spreads a hash over all bits. The last byte of FNV's input hardly affects the upper bits, which decide here.
func mix(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x85ebca6b
	x ^= x >> 13
	x *= 0xc2b2ae35
	return x ^ x>>16
}
