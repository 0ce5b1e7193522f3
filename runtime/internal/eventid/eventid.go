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
func (id ID) Append(b []byte) []byte { return AppendHex(AppendHex(b, id.Node), id.Seq) }

// AppendHex appends the 16 hexadecimal digits of x to b. Each message between traced nodes has three such numbers in its head, and
// package hex looks at them digit by digit.
func AppendHex(b []byte, x uint64) []byte {
	b = binary.BigEndian.AppendUint64(b, digits(uint32(x>>32)))
	return binary.BigEndian.AppendUint64(b, digits(uint32(x)))
}

// each is one in every byte.
const each = 0x0101010101010101

// digits returns the eight hexadecimal digits of x, as eight bytes at once.
func digits(x uint32) uint64 {
	d := uint64(x)
	d = (d | d<<16) & 0x0000ffff0000ffff
	d = (d | d<<8) & 0x00ff00ff00ff00ff
	d = (d | d<<4) & 0x0f0f0f0f0f0f0f0f
	letters := (d + 6*each) >> 4 & each // one where a digit is above 9
	return d + '0'*each + letters*('a'-'0'-10)
}

// ReadHex is the inverse of AppendHex: it reads the 16 digits at the beginning of b, and reports whether all are what AppendHex writes.
func ReadHex(b []byte) (x uint64, ok bool) {
	high, fine := number(binary.BigEndian.Uint64(b))
	low, ok := number(binary.BigEndian.Uint64(b[8:]))
	return uint64(high)<<32 | uint64(low), fine && ok
}

// ReadHexByte reads the two digits at the beginning of b like ReadHex.
func ReadHexByte(b []byte) (x byte, ok bool) {
	n, ok := number('0'*each&^0xffff | uint64(binary.BigEndian.Uint16(b)))
	return byte(n), ok
}

// number is the inverse of digits. What it makes of bytes that are no digits has other digits.
func number(d uint64) (x uint32, ok bool) {
	letters := d >> 6 & each
	n := d&(0x0f*each) + 9*letters
	n = (n | n>>4) & 0x00ff00ff00ff00ff
	n = (n | n>>8) & 0x0000ffff0000ffff
	x = uint32(n | n>>16)
	return x, digits(x) == d
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
