// Package registrartest is what every registrar.Storage has to fulfil, as a test.
package registrartest

import (
	"context"
	"maps"
	"strconv"
	"testing"

	"meseta/actors/registrar"
)

// Run tests a kind of storage. open is called several times, and must return each time a storage over the same
// records, the one before having been closed.
func Run(t *testing.T, open func(t *testing.T) registrar.Storage) {
	t.Helper()
	ctx := context.Background()
	with := func(use func(registrar.Storage)) {
		t.Helper()
		s := open(t)
		use(s)
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	commit := func(s registrar.Storage, changes ...registrar.Change) {
		t.Helper()
		if err := s.Commit(ctx, changes); err != nil {
			t.Fatalf("commit: %v", err)
		}
	}
	expect := func(s registrar.Storage, want map[string]string) {
		t.Helper()
		records, err := s.Load(ctx)
		if err != nil {
			t.Fatalf("load: %v", err)
		}
		got := map[string]string{}
		for k, v := range records {
			got[k] = string(v)
		}
		if !maps.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}

	with(func(s registrar.Storage) {
		expect(s, map[string]string{})
		commit(s, set("a", "1"), set("b", "2"), set("empty", ""))
		expect(s, map[string]string{"a": "1", "b": "2", "empty": ""})
	})
	with(func(s registrar.Storage) {
		expect(s, map[string]string{"a": "1", "b": "2", "empty": ""})
		commit(s, set("a", "3"), registrar.Change{Key: "b"}, registrar.Change{Key: "absent"})
		commit(s)
		records, err := s.Load(ctx)
		if err != nil {
			t.Fatal(err)
		}
		records["mine"] = nil // the map is the caller's
	})
	many := map[string]string{"a": "3", "empty": ""}
	with(func(s registrar.Storage) {
		expect(s, many)
		var changes []registrar.Change
		for i := range 1000 {
			k := "agents/" + strconv.Itoa(i)
			many[k] = k
			changes = append(changes, set(k, k))
		}
		commit(s, changes...)
	})
	with(func(s registrar.Storage) { expect(s, many) })
}

func set(key, value string) registrar.Change { return registrar.Change{Key: key, Value: []byte(value)} }
