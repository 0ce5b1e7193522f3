// Package units parses and prints durations and sizes in the form of Mesos's flags, messages and endpoints: 10secs,
// 1.5mins, 2weeks; 512MB, 5GB. Printing and parsing again returns the same value wherever Mesos's own printing does;
// values that need more than 15 digits are rounded.
package units

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The units Mesos has beyond those of package time.
const (
	Day  = 24 * time.Hour
	Week = 7 * Day
)

// durationUnits lists Mesos's units from the smallest to the largest.
var durationUnits = []struct {
	name string
	size time.Duration
}{
	{"ns", time.Nanosecond},
	{"us", time.Microsecond},
	{"ms", time.Millisecond},
	{"secs", time.Second},
	{"mins", time.Minute},
	{"hrs", time.Hour},
	{"days", Day},
	{"weeks", Week},
}

// ParseDuration parses a decimal number directly followed by one of the units ns, us, ms, secs, mins, hrs, days,
// weeks. Like Mesos it accepts no sign and truncates to nanoseconds.
func ParseDuration(s string) (time.Duration, error) {
	number, name := split(s)
	if name == "" {
		return 0, fmt.Errorf("duration %q has no unit, such as secs", s)
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("duration %q does not begin with a number", s)
	}
	for _, unit := range durationUnits {
		if unit.name != name {
			continue
		}
		ns := value * float64(unit.size)
		if ns >= math.MaxInt64 {
			return 0, fmt.Errorf("duration %q is longer than 292 years", s)
		}
		return time.Duration(ns), nil
	}
	return 0, fmt.Errorf("duration %q has an unknown unit; known are ns, us, ms, secs, mins, hrs, days, weeks", s)
}

// split cuts s before the first byte that is neither a digit nor a point.
func split(s string) (number, unit string) {
	end := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		return s, ""
	}
	return s[:end], s[end:]
}

// FormatDuration prints d as Mesos does: in the largest unit of which d is at least one, or in the next smaller one if
// only that gives a whole number (10days rather than 1.42857142857143weeks).
func FormatDuration(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -max(d, -math.MaxInt64)
	}
	at := 0
	for at+1 < len(durationUnits) && d >= durationUnits[at+1].size {
		at++
	}
	if at > 0 && d%durationUnits[at].size != 0 && below(d, at) {
		at--
	}
	unit := durationUnits[at]
	return sign + strconv.FormatFloat(float64(d)/float64(unit.size), 'g', 15, 64) + unit.name
}

// below reports whether d is a multiple of the unit before durationUnits[at].
func below(d time.Duration, at int) bool { return d%durationUnits[at-1].size == 0 }
