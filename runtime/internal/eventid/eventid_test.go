package eventid

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// The ids of a cluster of 100,000 nodes differ, whether each has a seed of its own or all were given the same one, and
// whether or not they share an address.
func TestEventIDsOfALargeCluster(t *testing.T) {
	t.Parallel()
	const nodes = 100_000
	for name, of := range map[string]func(i int) uint64{
		"own seeds": func(i int) uint64 {
			return Mark(fmt.Sprintf("10.%d.%d.%d:5051", i>>16, i>>8&255, i&255), uint64(i+1))
		},
		"one seed": func(i int) uint64 { return Mark(fmt.Sprintf("10.%d.%d.%d:5051", i>>16, i>>8&255, i&255), 1) },
		"one host": func(i int) uint64 { return Mark("10.0.0.1:5051", uint64(i+1)) },
		"ports":    func(i int) uint64 { return Mark(fmt.Sprintf("10.0.0.%d:%d", i>>16, i&65535), 1) },
	} {
		seen := map[uint64]bool{}
		for i := range nodes {
			seen[of(i)] = true
		}
		if len(seen) != nodes {
			t.Errorf("%s: %d nodes have %d marks", name, nodes, len(seen))
		}
	}
}

// Ids are read as they are written, and nothing else is.
func TestIDsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for _, id := range []ID{{}, {Node: 1, Seq: 2}, {Node: 1}, {Seq: 1}, {Node: ^uint64(0), Seq: ^uint64(0)}} {
		if back, err := Parse(id.String()); back != id || err != nil {
			t.Errorf("%s is read as %s, %v", id, back, err)
		}
	}
	for _, odd := range []string{"0", strings.Repeat("0", 31), strings.Repeat("0", 33), strings.Repeat("g", 32), strings.Repeat(" ", 32)} {
		if id, err := Parse(odd); err == nil || !strings.Contains(err.Error(), odd) {
			t.Errorf("%q is read as %s, %v", odd, id, err)
		}
	}
}

// Digits that are written eight at once are those that package fmt writes.
func TestDigits(t *testing.T) {
	t.Parallel()
	for _, x := range []uint64{0, 1, 9, 10, 15, 16, 0x0123456789abcdef, 0xfedcba9876543210, 0x99aa9a90a09f09f9, 1 << 31, 1 << 32, ^uint64(0)} {
		for shift := range 64 {
			y := x>>shift | x<<(64-shift)
			if got, want := string(AppendHex([]byte("x"), y)), fmt.Sprintf("x%016x", y); got != want {
				t.Fatalf("%s; want %s", got, want)
			}
			if back, ok := ReadHex(AppendHex(nil, y)); back != y || !ok {
				t.Fatalf("%x is read as %x, %t", y, back, ok)
			}
		}
	}
}

// Nothing is read but what is written: of the 256 bytes 16 are digits, wherever they stand.
func TestOnlyDigitsAreRead(t *testing.T) {
	t.Parallel()
	for at := range 16 {
		for c := range 256 {
			text := []byte("0123456789abcdef")
			text[at] = byte(c)
			want, err := strconv.ParseUint(string(text), 16, 64)
			digit := err == nil && strings.IndexByte("0123456789abcdef", byte(c)) >= 0
			if x, ok := ReadHex(text); ok != digit || ok && x != want {
				t.Errorf("%q is read as %x, %t", text, x, ok)
			}
			if x, ok := ReadHexByte(text[at&^1:]); ok != digit || ok && x != byte(want>>(56-at/2*8)) {
				t.Errorf("%q is read as %x, %t", text[at&^1:][:2], x, ok)
			}
		}
	}
}
