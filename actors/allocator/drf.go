package allocator

import (
	"cmp"
	"slices"

	"meseta/messages/ids"
	"meseta/messages/resources"
)

// pool is the resources that contenders compete for: the scalars of all agents. It gives each name an index, so that
// amounts can be slices.
type pool struct {
	index    map[string]int
	totals   []sum
	unfair   []bool          // left out of shares
	excluded map[string]bool // by name
	version  uint64          // grows with every change of totals
}

func newPool(excluded []string) *pool {
	p := &pool{index: map[string]int{}, excluded: map[string]bool{}}
	for _, name := range excluded {
		p.excluded[name] = true
	}
	return p
}

// slot returns the index of name.
func (p *pool) slot(name string) int {
	i, known := p.index[name]
	if !known {
		i = len(p.totals)
		p.index[name] = i
		p.totals = append(p.totals, sum{})
		p.unfair = append(p.unfair, p.excluded[name])
	}
	return i
}

// replace replaces an agent's contribution to the pool.
func (p *pool) replace(before, after resources.Resources) {
	for name, amount := range before.ScalarQuantities().All() {
		p.totals[p.slot(name)].subtract(amount)
	}
	for name, amount := range after.ScalarQuantities().All() {
		p.totals[p.slot(name)].add(amount)
	}
	p.version++
}

// total returns the total amount of the named resource.
func (p *pool) total(name string) resources.Quantity {
	if i, known := p.index[name]; known {
		return p.totals[i].quantity()
	}
	return 0
}

// usage is the amounts that a contender holds, by the pool's index.
type usage struct {
	amounts []sum
	shared  map[volume]int // copies held of shared volumes, which count once
}

// volume is a shared volume on an agent.
type volume struct {
	agent ids.Agent
	key   resources.Key
}

// add adds the scalars of rs, which are on agent.
func (u *usage) add(p *pool, agent ids.Agent, rs resources.Resources) {
	for r := range rs.All() {
		if r.Type() != resources.ScalarType || r.IsShared() && u.copies(agent, r, r.Shares()) > r.Shares() {
			continue
		}
		u.slot(p.slot(r.Name())).add(r.Scalar())
	}
}

// subtract subtracts the scalars of rs, which are on agent.
func (u *usage) subtract(p *pool, agent ids.Agent, rs resources.Resources) {
	for r := range rs.All() {
		if r.Type() != resources.ScalarType || r.IsShared() && u.copies(agent, r, -r.Shares()) > 0 {
			continue
		}
		u.slot(p.slot(r.Name())).subtract(r.Scalar())
	}
}

func (u *usage) slot(i int) *sum {
	for len(u.amounts) <= i {
		u.amounts = append(u.amounts, sum{})
	}
	return &u.amounts[i]
}

// copies changes the number of held copies of a shared volume and returns the new number.
func (u *usage) copies(agent ids.Agent, r resources.Resource, change int) int {
	if u.shared == nil {
		u.shared = map[volume]int{}
	}
	v := volume{agent, r.Key()}
	u.shared[v] += change
	n := u.shared[v]
	if n == 0 {
		delete(u.shared, v)
	}
	return n
}

// of returns the held amount of the named resource.
func (u *usage) of(p *pool, name string) resources.Quantity {
	if i, known := p.index[name]; known && i < len(u.amounts) {
		return u.amounts[i].quantity()
	}
	return 0
}

// isZero reports whether nothing is held.
func (u *usage) isZero() bool {
	return !slices.ContainsFunc(u.amounts, func(s sum) bool { return !s.isZero() })
}

// dominantShare returns the greatest of u's fractions of the pool's resources.
func (p *pool) dominantShare(u *usage) float64 {
	var share float64
	for i, amount := range u.amounts {
		if amount.isPositive() && p.totals[i].isPositive() && !p.unfair[i] {
			share = max(share, amount.float()/p.totals[i].float())
		}
	}
	return share
}

// standing is a contender's place in a [ranking].
type standing[T any] struct {
	owner  T
	name   string // the last tie-breaker; unique in a ranking
	weight float64
	used   usage
	share  float64 // dominant share / weight, as of the ranking's version
	rounds uint64  // how often it was given resources
	ranked bool
}

func (s *standing[T]) compare(other *standing[T]) int {
	return cmp.Or(
		cmp.Compare(s.share, other.share),
		cmp.Compare(s.rounds, other.rounds),
		cmp.Compare(s.name, other.name),
	)
}

// ranking orders contenders, next to be served first. Changing a contender costs a binary search and a move; changing
// the pool costs a sort when the order is next needed.
type ranking[T any] struct {
	pool    *pool
	entries []*standing[T]
	version uint64 // version of the pool for which the order is right
}

// enter adds s, which must not be in a ranking.
func (r *ranking[T]) enter(s *standing[T]) {
	s.ranked = true
	r.entries = append(r.entries, s)
	if r.current() {
		r.move(len(r.entries) - 1)
	}
}

// leave removes s, which must be in the ranking.
func (r *ranking[T]) leave(s *standing[T]) {
	s.ranked = false
	i := slices.Index(r.entries, s)
	r.entries = slices.Delete(r.entries, i, i+1)
}

// update changes s, whether it is in the ranking or not, and keeps the order.
func (r *ranking[T]) update(s *standing[T], change func(*standing[T])) {
	if !s.ranked || !r.current() {
		change(s)
		return
	}
	i, _ := slices.BinarySearchFunc(r.entries, s, (*standing[T]).compare)
	change(s)
	r.move(i)
}

// current reports whether the order is right for the current state of the pool.
func (r *ranking[T]) current() bool { return r.version == r.pool.version }

// move computes the share of the i-th entry and moves it to its place. All other entries must be in theirs.
func (r *ranking[T]) move(i int) {
	s := r.entries[i]
	s.share = r.pool.dominantShare(&s.used) / s.weight
	if to, _ := slices.BinarySearchFunc(r.entries[:i], s, (*standing[T]).compare); to < i {
		copy(r.entries[to+1:], r.entries[to:i])
		r.entries[to] = s
		return
	}
	to, _ := slices.BinarySearchFunc(r.entries[i+1:], s, (*standing[T]).compare)
	copy(r.entries[i:], r.entries[i+1:i+1+to])
	r.entries[i+to] = s
}

// ordered returns the entries, next to be served first. The slice is valid until the next change.
func (r *ranking[T]) ordered() []*standing[T] {
	if !r.current() {
		for _, s := range r.entries {
			s.share = r.pool.dominantShare(&s.used) / s.weight
		}
		slices.SortFunc(r.entries, (*standing[T]).compare)
		r.version = r.pool.version
	}
	return r.entries
}
