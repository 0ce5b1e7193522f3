package links_test

import (
	"maps"
	"slices"
	"testing"

	"meseta/runtime/internal/links"
)

type (
	book = links.Book[string]
	exit = links.Exit[string]
)

var master, slave, other = links.Peer{ID: "master", Addr: "1"}, links.Peer{ID: "slave", Addr: "1"}, links.Peer{ID: "other", Addr: "2"}

func checkExits(t *testing.T, when string, got []exit, want ...exit) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s %v are told; want %v", when, got, want)
	}
}

func TestThoseWhoLinkedAreToldOnceInOrder(t *testing.T) {
	t.Parallel()
	var b book
	for i, a := range []string{"z", "a", "m"} {
		if n := b.Add(a, master); n != uint64(i+1) {
			t.Errorf("the link of %s is number %d", a, n)
		}
	}
	if n := b.Add("a", master); n != 2 {
		t.Errorf("a second link of the same actor is number %d", n)
	}
	b.Add("a", slave)
	b.Add("gone", master)
	b.Remove("gone", master)
	b.Remove("nobody", other)
	want := map[string][]links.Peer{"z": {master}, "a": {master, slave}, "m": {master}}
	if got := b.All(); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("linked to %v; want %v", got, want)
	}
	checkExits(t, "when the master ends", b.Take(master), exit{"z", master, 1}, exit{"a", master, 2}, exit{"m", master, 3})
	checkExits(t, "a second time", b.Take(master))
	if n := b.Add("a", master); n != 6 {
		t.Errorf("a new link is number %d", n)
	}
}

func TestAnEndConcernsItsConnectionAndThoseBefore(t *testing.T) {
	t.Parallel()
	var b book
	b.Add("x", slave)
	b.Add("y", slave)
	b.Add("x", master)
	b.Add("x", other)
	for _, c := range []struct {
		who string
		to  links.Peer
		at  uint64
	}{{"x", slave, 1}, {"y", slave, 2}, {"x", master, 1}, {"x", other, 1}} {
		if !b.Connect(c.who, c.to, c.at, false) {
			t.Errorf("%v has ended already", c)
		}
	}
	checkExits(t, "when connection 1 ends", b.TakeNode("1", 1), exit{"x", master, 3}, exit{"x", slave, 1})
	checkExits(t, "a second time", b.TakeNode("1", 1))
	if !b.Connect("y", slave, 4, false) {
		t.Error("a link that is connected is not connected again")
	}
	checkExits(t, "when connection 3 ends", b.TakeNode("1", 3), exit{"y", slave, 2})
	if got := b.All(); len(got) != 1 || !slices.Equal(got["x"], []links.Peer{other}) {
		t.Errorf("linked to %v", got)
	}
}

func TestARenewedLinkOutlivesTheOldConnection(t *testing.T) {
	t.Parallel()
	var b book
	b.Add("x", slave)
	b.Connect("x", slave, 1, false)
	b.Connect("x", slave, 2, true)
	checkExits(t, "when connection 1 ends", b.TakeNode("1", 1))
	checkExits(t, "when connection 2 ends", b.TakeNode("1", 2), exit{"x", slave, 1})
}

// A connection may end before the wire has said which one it is.
func TestAnEndThatComesEarlyIsNotMissed(t *testing.T) {
	t.Parallel()
	var b book
	b.Add("x", slave)
	checkExits(t, "before it is connected", b.TakeNode("1", 3))
	if !b.Connect("x", slave, 4, false) {
		t.Error("connection 4 is said to have ended with 3")
	}
	b.Add("y", slave)
	checkExits(t, "for y", b.TakeNode("1", 3))
	if b.Connect("y", slave, 3, false) {
		t.Error("connection 3 has ended and y is not to be told")
	}
	if !b.Connect("z", slave, 1, false) {
		t.Error("z has no link and is to be told")
	}
	checkExits(t, "when the peer ends", b.Take(slave), exit{"x", slave, 1})
}
