package runtime

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
)

// EventID identifies one traced event across nodes. The zero EventID is no event.
type EventID struct {
	Node uint64 // drawn from the node's address and seed: no two nodes of a cluster share it
	Seq  uint64 // counts the node's events from 1
}

// IsZero reports whether id is no event.
func (id EventID) IsZero() bool { return id == EventID{} }

// String writes the id as 32 hexadecimal digits, and no event as "".
func (id EventID) String() string {
	if id.IsZero() {
		return ""
	}
	return string(id.Append(nil))
}

// Append appends the 32 digits of id to b.
func (id EventID) Append(b []byte) []byte {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], id.Node)
	binary.BigEndian.PutUint64(raw[8:], id.Seq)
	return hex.AppendEncode(b, raw[:])
}

// ParseEventID is the inverse of [EventID.String].
func ParseEventID(s string) (EventID, error) {
	if s == "" {
		return EventID{}, nil
	}
	var raw [16]byte
	if len(s) != 2*len(raw) {
		return EventID{}, fmt.Errorf("runtime: %q is not an event id; want %d hexadecimal digits", s, 2*len(raw))
	}
	if _, err := hex.Decode(raw[:], []byte(s)); err != nil {
		return EventID{}, fmt.Errorf("runtime: %q is not an event id: %w", s, err)
	}
	return EventID{Node: binary.BigEndian.Uint64(raw[:8]), Seq: binary.BigEndian.Uint64(raw[8:])}, nil
}

// markOf is what the ids of all events of a node have in common. It follows from the seed, so that equal runs of the
// simulator have equal ids; nodes that were given the same seed differ by their addresses.
func markOf(addr string, seed uint64) uint64 {
	h := fnv.New64a()
	h.Write([]byte(addr)) //nolint:errcheck // never fails
	return rand.NewPCG(seed, h.Sum64()).Uint64()
}

// local is the id of the node's event of that number; 0 is none.
func (t *Trace) local(seq uint64) EventID {
	if seq == 0 {
		return EventID{}
	}
	return EventID{Node: t.mark, Seq: seq}
}
