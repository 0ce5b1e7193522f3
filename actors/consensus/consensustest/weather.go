package consensustest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"meseta/runtime/sim"
)

// Weather is what happens to a cluster by chance: crashes, with torn disks, and processes that are killed; partitions, also
// of one direction; lost and repeated messages; disks that hang; clocks that jump.
type Weather struct {
	*Cluster
	Chance *rand.Rand
}

// NewWeather returns a weather that follows from the seed.
func NewWeather(c *Cluster, seed uint64) *Weather {
	w := &Weather{Cluster: c, Chance: rand.New(rand.NewPCG(seed, 0x77656174686572))}
	network := sim.DefaultNetwork
	network.MaxDelay = []time.Duration{2 * time.Millisecond, 20 * time.Millisecond, 80 * time.Millisecond}[w.Chance.IntN(3)]
	network.Loss = []float64{0, 0, 0.01, 0.1}[w.Chance.IntN(4)]
	network.Repeat = []float64{0, 0.05}[w.Chance.IntN(2)]
	network.Reorder = w.Chance.IntN(4) == 0
	c.SetNetwork(network)
	c.SlowWork = []time.Duration{0, 5 * time.Millisecond, 50 * time.Millisecond}[w.Chance.IntN(3)]
	return w
}

func (w *Weather) any() *Node { return w.Nodes[w.Chance.IntN(len(w.Nodes))] }

// Change lets one thing happen. It returns an error if a master cannot start again.
func (w *Weather) Change() error {
	a, b := w.any(), w.any()
	switch w.Chance.IntN(22) {
	case 0:
		a.Crash()
	case 1:
		a.Kill()
	case 2:
		each(w.Leaders(), (*Node).Crash)
	case 3:
		each(w.Nodes, (*Node).Crash)
	case 4:
		w.Partition(a.Addr, b.Addr)
	case 5:
		w.PartitionOneWay(a.Addr, b.Addr)
	case 6:
		w.isolate(a, w.PartitionOneWay)
	case 7, 8:
		each(w.Leaders(), func(n *Node) { w.isolate(n, w.Partition) })
	case 9:
		w.stall(a)
	case 10:
		w.SetClock(a.Addr, time.Duration(w.Chance.Int64N(int64(2*time.Hour))-int64(time.Hour)))
	case 11, 12, 13, 14:
		w.HealAll()
	default:
		return w.start(a)
	}
	return nil
}

func each(nodes []*Node, do func(*Node)) {
	for _, n := range nodes {
		do(n)
	}
}

// isolate cuts a node off from all others.
func (w *Weather) isolate(n *Node, cut func(from, to string)) {
	each(w.Nodes, func(other *Node) {
		if other != n {
			cut(n.Addr, other.Addr)
		}
	})
}

// stall has the disk of n hang for a while, and perhaps those of others.
func (w *Weather) stall(n *Node) {
	within := time.Duration(w.Chance.Int64N(int64(5 * time.Second)))
	each(w.Nodes, func(other *Node) {
		if other == n || w.Chance.IntN(2) == 0 {
			w.Disk(other.Addr).Stall(within)
		}
	})
}

func (w *Weather) start(n *Node) error {
	if n.GaveUp != nil {
		return fmt.Errorf("the master at %s gave up: %w", n.Addr, n.GaveUp)
	}
	return n.Start()
}

// While lets a while pass: mostly moments.
func (w *Weather) While() {
	switch w.Chance.IntN(6) {
	case 0:
		w.Advance(time.Duration(w.Chance.Int64N(int64(20 * time.Second))))
	case 1, 2:
		w.Advance(time.Duration(w.Chance.Int64N(int64(3 * time.Second))))
	default:
		w.Advance(time.Duration(w.Chance.Int64N(int64(200 * time.Millisecond))))
	}
}

// Clear is the end of all that is bad.
func (w *Weather) Clear() error {
	w.HealAll()
	w.SetNetwork(sim.DefaultNetwork)
	for _, n := range w.Nodes {
		if err := w.start(n); err != nil {
			return err
		}
	}
	return nil
}
