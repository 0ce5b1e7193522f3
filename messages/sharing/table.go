package sharing

import "sync"

// table remembers the parts of one kind by their encoded form. When it is full, it forgets those that were not used
// since it was full before.
type table struct {
	mu         sync.Mutex
	limit      int // bytes of encoded parts in young, and in old
	size       int // of young
	young, old map[string]any
}

// find returns the part with this encoded form, or nil.
func (t *table) find(encoded []byte) any {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.young[string(encoded)]; ok {
		return known
	}
	known, ok := t.old[string(encoded)]
	if ok {
		t.put(string(encoded), known)
	}
	return known
}

// add remembers a part, and returns the one that is known by now. Large parts are not remembered.
func (t *table) add(encoded []byte, made any) any {
	if len(encoded) > t.limit/16 {
		return made
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.young[string(encoded)]; ok {
		return known
	}
	t.put(string(encoded), made)
	return made
}

func (t *table) put(encoded string, part any) {
	const each = 64 // bytes besides the text
	if t.young == nil || t.size+len(encoded)+each > t.limit {
		t.young, t.old, t.size = map[string]any{}, t.young, 0
	}
	t.young[encoded] = part
	t.size += len(encoded) + each
}
