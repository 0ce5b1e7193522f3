// Package registrartest is what every registrar.Storage has to fulfil, as a test.
package registrartest

import (
	"errors"
	"maps"
	"strconv"
	"testing"

	"meseta/actors/registrar"
)

// Run tests a kind of storage. open is called several times, and must return each time a storage over the same
// records, the one before having been closed.
func Run(t *testing.T, open func(t *testing.T) registrar.Storage) {
	t.Helper()
	run := func(name string, use func(*handle)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			h := &handle{t: t, Storage: open(t)}
			use(h)
			if err := h.Close(); err != nil {
				t.Fatalf("close: %v", err)
			}
		})
	}
	run("a new storage is empty", func(h *handle) {
		h.expect(map[string]string{})
		h.commit(set("a", "1"), set("b", "2"), set("empty", ""))
		h.expect(map[string]string{"a": "1", "b": "2", "empty": ""})
	})
	run("what was committed is there again", func(h *handle) {
		h.expect(map[string]string{"a": "1", "b": "2", "empty": ""})
		h.commit(set("a", "3"), registrar.Change{Key: "b"}, registrar.Change{Key: "absent"})
		h.commit()
		h.lead()["mine"] = nil // the map is the caller's
	})
	many := map[string]string{"a": "3", "empty": ""}
	run("a commit may be large", func(h *handle) {
		h.expect(many)
		var changes []registrar.Change
		for i := range 1000 {
			k := "agents/" + strconv.Itoa(i)
			many[k] = k
			changes = append(changes, set(k, k))
		}
		h.commit(changes...)
	})
	run("a term ends when the next begins", func(h *handle) {
		h.expect(many)
		before := h.term
		h.lead()
		if h.term <= before {
			t.Errorf("term %d follows %d", h.term, before)
		}
		if err := h.Commit(h.t.Context(), before, []registrar.Change{set("a", "4")}); !errors.Is(err, registrar.ErrLost) {
			t.Errorf("a commit of an earlier term: %v", err)
		}
		h.commit(set("b", "5"))
		many["b"] = "5"
		h.expect(many)
	})
	run("and nothing of it is left", func(h *handle) { h.expect(many) })
}

// handle is a storage in the term that began last.
type handle struct {
	t *testing.T
	registrar.Storage
	term registrar.Term
}

func (h *handle) lead() map[string][]byte {
	h.t.Helper()
	term, records, err := h.Lead(h.t.Context())
	if err != nil {
		h.t.Fatalf("lead: %v", err)
	}
	h.term = term
	return records
}

func (h *handle) commit(changes ...registrar.Change) {
	h.t.Helper()
	if err := h.Commit(h.t.Context(), h.term, changes); err != nil {
		h.t.Fatalf("commit: %v", err)
	}
}

func (h *handle) expect(want map[string]string) {
	h.t.Helper()
	got := map[string]string{}
	for k, v := range h.lead() {
		got[k] = string(v)
	}
	if !maps.Equal(got, want) {
		h.t.Fatalf("got %v, want %v", got, want)
	}
}

func set(key, value string) registrar.Change { return registrar.Change{Key: key, Value: []byte(value)} }
