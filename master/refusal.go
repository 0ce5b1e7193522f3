package master

import "fmt"

// Refusal is why the master does not do what somebody asks of it. Every future and error of what it does for operators
// and schedulers is one, unless the registry cannot be written.
type Refusal struct {
	Reason Reason
	Text   string // for the client
}

// Error implements error.
func (r *Refusal) Error() string { return r.Text }

// Reason is a kind of [Refusal].
type Reason uint8

// The reasons.
const (
	Invalid     Reason = iota // it cannot be done, now or ever
	Forbidden                 // who asks may not
	NotFound                  // what it is about is not there
	Conflict                  // something else happened, or happens, to what it is about
	Unavailable               // it may be possible later
)

func refused(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{reason, fmt.Sprintf(format, args...)}
}
