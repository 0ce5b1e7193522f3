package runtime

import "time"

// Clock is a node's only source of time.
type Clock interface {
	Now() time.Time
	// AfterFunc runs f once after d. f must not block. stop reports whether it kept f from running.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}
