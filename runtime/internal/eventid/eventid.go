// Package eventid makes, writes and reads the ids of traced events. Package runtime offers them as its own.
package eventid

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
)

// ID identifies one traced event across nodes. The zero ID is no event.
type ID struct {
	Node uint64 // drawn from the node's address and seed: no two nodes of a cluster share it
	Seq  uint64 // grows from 1 with the node's events
}

// IsZero reports whether id is no event.
func (id ID) IsZero() bool { return id == ID{} }

// String writes the id as 32 hexadecimal digits, and no event as "".
func (id ID) String() string {
	if id.IsZero() {
		return ""
	}
	return string(id.Append(nil))
}

// Append appends the 32 digits of id to b.
func (id ID) Append(b []byte) []byte {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], id.Node)
	binary.BigEndian.PutUint64(raw[8:], id.Seq)
	return hex.AppendEncode(b, raw[:])
}

// Parse is the inverse of [ID.String].
func Parse(s string) (ID, error) {
	if s == "" {
		return ID{}, nil
	}
	var raw [16]byte
	if len(s) != 2*len(raw) {
		return ID{}, fmt.Errorf("runtime: %q is not an event id; want %d hexadecimal digits", s, 2*len(raw))
	}
	if _, err := hex.Decode(raw[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("runtime: %q is not an event id: %w", s, err)
	}
	return ID{Node: binary.BigEndian.Uint64(raw[:8]), Seq: binary.BigEndian.Uint64(raw[8:])}, nil
}

// Mark is what the ids of all events of a node have in common. It follows from the seed, so that equal runs of the simulator
// have equal ids; nodes that were given the same seed differ by their addresses.
func Mark(addr string, seed uint64) uint64 {
	h := fnv.New64a()
	h.Write([]byte(addr)) //nolint:errcheck // never fails
	return rand.NewPCG(seed, h.Sum64()).Uint64()
}
