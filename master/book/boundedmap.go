package book

// boundedMap is a map that keeps its newest entries, up to a limit, in the order in which they were added.
type boundedMap[K comparable, V any] struct {
	limit   int
	entries map[K]entry[V]
	order   []aged[K] // oldest first; an element is stale if its serial is not that of the entry
	serial  uint64
}

type entry[V any] struct {
	value  V
	serial uint64
}

type aged[K any] struct {
	key    K
	serial uint64
}

func newBoundedMap[K comparable, V any](limit int) *boundedMap[K, V] {
	return &boundedMap[K, V]{limit: limit, entries: map[K]entry[V]{}}
}

// put adds or replaces the entry of k, which becomes the newest one.
func (r *boundedMap[K, V]) put(k K, v V) {
	r.serial++
	r.entries[k] = entry[V]{v, r.serial}
	r.order = append(r.order, aged[K]{k, r.serial})
	for len(r.entries) > r.limit {
		r.dropOldest()
	}
	if len(r.order) > 2*len(r.entries)+16 {
		r.compact()
	}
}

func (r *boundedMap[K, V]) dropOldest() {
	oldest := r.order[0]
	r.order = r.order[1:]
	if r.entries[oldest.key].serial == oldest.serial {
		delete(r.entries, oldest.key)
	}
}

func (r *boundedMap[K, V]) compact() {
	live := make([]aged[K], 0, len(r.entries))
	for _, a := range r.order {
		if r.fresh(a) {
			live = append(live, a)
		}
	}
	r.order = live
}

func (r *boundedMap[K, V]) fresh(a aged[K]) bool {
	e, ok := r.entries[a.key]
	return ok && e.serial == a.serial
}

func (r *boundedMap[K, V]) get(k K) (V, bool) {
	e, ok := r.entries[k]
	return e.value, ok
}

func (r *boundedMap[K, V]) has(k K) bool {
	_, ok := r.entries[k]
	return ok
}

func (r *boundedMap[K, V]) drop(k K) { delete(r.entries, k) }

func (r *boundedMap[K, V]) len() int { return len(r.entries) }

// keys returns the keys from the oldest to the newest.
func (r *boundedMap[K, V]) keys() []K {
	keys := make([]K, 0, len(r.entries))
	for _, a := range r.order {
		if r.fresh(a) {
			keys = append(keys, a.key)
		}
	}
	return keys
}

// values returns the values from the oldest to the newest.
func (r *boundedMap[K, V]) values() []V {
	values := make([]V, 0, len(r.entries))
	for _, k := range r.keys() {
		values = append(values, r.entries[k].value)
	}
	return values
}
