// Package refusal defines the error with which a master refuses a request of an operator or scheduler. It has a text
// for the client and a reason that an API can map to a status.
package refusal

import "fmt"

// Refusal is the reason why a master refuses a request. Errors and failed futures of requests are of this type unless
// the registry cannot be written.
type Refusal struct {
	Reason Reason
	Text   string // for the client
}

// Error implements error.
func (r *Refusal) Error() string { return r.Text }

// Reason classifies a [Refusal].
type Reason uint8

// The reasons of refusals.
const (
	Invalid     Reason = iota // the request can never be carried out
	Forbidden                 // the client is not authorized
	NotFound                  // the object of the request does not exist
	Conflict                  // the object of the request has changed, or is being changed
	Unavailable               // the request may succeed later
)

// New returns a refusal whose text is formatted as by [fmt.Sprintf].
func New(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{reason, fmt.Sprintf(format, args...)}
}
