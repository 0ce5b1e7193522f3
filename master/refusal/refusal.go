// Package refusal is how a master says no: why it does not do what an operator or a scheduler asks of it, in words for whoever
// asked, and of a kind that an API can turn into a status of its own.
package refusal

import "fmt"

// Refusal is why a master does not do what it is asked for. Every future and error of what it does for operators and
// schedulers is one, unless the registry cannot be written.
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
	Forbidden                 // the client may not do it
	NotFound                  // what it is about is not there
	Conflict                  // something else happened, or happens, to what it is about
	Unavailable               // it may be possible later
)

// New returns a refusal whose text is formatted as by [fmt.Sprintf].
func New(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{reason, fmt.Sprintf(format, args...)}
}
