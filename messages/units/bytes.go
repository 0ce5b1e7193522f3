package units

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Bytes is a size in bytes. Units are powers of 1024.
type Bytes uint64

// Mesos's units of size.
const (
	Byte     Bytes = 1
	Kilobyte       = 1024 * Byte
	Megabyte       = 1024 * Kilobyte
	Gigabyte       = 1024 * Megabyte
	Terabyte       = 1024 * Gigabyte
)

var byteUnits = []struct {
	name string
	size Bytes
}{{"B", Byte}, {"KB", Kilobyte}, {"MB", Megabyte}, {"GB", Gigabyte}, {"TB", Terabyte}}

// ParseBytes parses a whole number directly followed by one of the units B, KB, MB, GB, TB in any case.
func ParseBytes(s string) (Bytes, error) {
	number, name := split(s)
	if name == "" {
		return 0, fmt.Errorf("size %q has no unit, such as MB", s)
	}
	value, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("size %q does not begin with a whole number", s)
	}
	for _, unit := range byteUnits {
		if !strings.EqualFold(unit.name, name) {
			continue
		}
		overflow, size := bits.Mul64(value, uint64(unit.size))
		if overflow != 0 {
			return 0, fmt.Errorf("size %q is too large", s)
		}
		return Bytes(size), nil
	}
	return 0, fmt.Errorf("size %q has an unknown unit; known are B, KB, MB, GB, TB", s)
}

// String prints b exactly, in the largest unit that divides it.
func (b Bytes) String() string {
	at := 0
	for b != 0 && at+1 < len(byteUnits) && b%byteUnits[at+1].size == 0 {
		at++
	}
	return strconv.FormatUint(uint64(b/byteUnits[at].size), 10) + byteUnits[at].name
}
