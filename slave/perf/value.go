package perf

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// value returns the count of an open counter. Where a processor has fewer counters than are wanted, each counts for a part of the time only, and
// its count is scaled to all of it.
func value(fd int) (float64, error) {
	var text [24]byte // the count, the time that it was wanted, and the time that it was counted
	if n, err := unix.Read(fd, text[:]); err != nil {
		return 0, os.NewSyscallError("read", err)
	} else if n != len(text) { // the processor is gone
		return 0, nil
	}
	count, wanted, counted := word(text[0:]), word(text[8:]), word(text[16:])
	if counted == 0 {
		return 0, nil
	}
	return count * (wanted / counted), nil
}

func word(text []byte) float64 { return float64(binary.NativeEndian.Uint64(text)) }

// Processors returns the numbers of the processors that are running.
func Processors() ([]int, error) {
	text, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return nil, err
	}
	return ranges(strings.TrimSpace(string(text)))
}

// ranges returns the numbers in a list such as 0-3,8.
func ranges(list string) ([]int, error) {
	var all []int
	for part := range strings.SplitSeq(list, ",") {
		from, to, found := strings.Cut(part, "-")
		if !found {
			to = from
		}
		first, err := strconv.Atoi(from)
		last, lastErr := strconv.Atoi(to)
		if err != nil || lastErr != nil {
			return nil, fmt.Errorf("%q is no list of processors", list)
		}
		for n := first; n <= last; n++ {
			all = append(all, n)
		}
	}
	return all, nil
}
