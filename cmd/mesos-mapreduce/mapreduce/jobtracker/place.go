package jobtracker

import (
	"hash/fnv"
	"maps"
	"slices"
)

// Offer is what one offer has room for.
type Offer struct {
	Node    Node
	Free    Cost
	Tracker bool // the framework's executor runs there
}

// Launch is a decision: this attempt, on that offer.
type Launch struct {
	Offer       int // index into the offers
	Attempt     Attempt
	Local       bool // the split is held there; false for reduces
	WithTracker bool // the node's first task: the executor's cost comes on top
}

// Place goes round the offers, placing one task at a time where resources are left, until no offer can take more. The
// attempts it returns count as running.
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

// meet learns of a node, and whether an executor runs there. While tasks are being launched there, the offer does not
// know yet.
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

// placeOne starts one task on a node if that has room and there is something to do.
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

// choose picks a task of j for a node: a map or a reduce by what is pending and, if both are, by what the node has
// less of, measured by the number of tasks of that kind.
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

// chooseMap prefers maps whose split the node holds, and passes over those that failed there, unless they failed
// everywhere.
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

// chooseReduce waits until enough maps are done, so that there is something to fetch.
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

// holds reports whether the split of k is on n. A split that all nodes can read has a home on one of them all the same:
// then a second run finds it in the same node's cache.
func (t *Tracker) holds(n Node, k *task) bool {
	if len(k.holders) > 0 {
		return slices.Contains(k.holders, n)
	}
	return t.home(k) == n
}

// home is the node that wins the split's vote among those known: most splits keep theirs when nodes come and go.
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

// mix spreads the hash over all bits: FNV's last byte hardly reaches the upper ones, which decide.
func mix(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x85ebca6b
	x ^= x >> 13
	x *= 0xc2b2ae35
	return x ^ x>>16
}
