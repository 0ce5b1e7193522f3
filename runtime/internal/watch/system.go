package watch

import "time"

// System is the system's clock, as a node uses it.
type System struct{}

// Now tells the time.
func (System) Now() time.Time { return time.Now() }

// AfterFunc runs f once after d. stop reports whether it kept f from running.
func (System) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	return time.AfterFunc(d, f).Stop
}
