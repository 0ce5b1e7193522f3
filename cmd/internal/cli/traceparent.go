package cli

import (
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/google/uuid"
)

// traceparent is the header of W3C's Trace Context by which the nodes know what caused a request.
const traceparent = "Traceparent"

// origin is the trace that the requests of one run of the program belong to.
type origin struct {
	trace  string // 32 hexadecimal digits
	parent string // the header, if the environment says what the program itself was caused by
}

// valid is a traceparent as this program understands it. Zeros are no trace.
var valid = regexp.MustCompile("^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")

var noTrace = strings.Repeat("0", 32)

// origin returns the trace that the variable TRACEPARENT of the environment names, as OpenTelemetry has it for programs that
// start others, or else a new one.
func (s *session) origin() origin {
	if parent := s.env("TRACEPARENT"); valid.MatchString(parent) && !strings.Contains(parent, noTrace) {
		return origin{parent: parent}
	}
	id := uuid.New()
	return origin{trace: hex.EncodeToString(id[:])}
}

// header returns the traceparent of a request.
func (o origin) header() string {
	if o.parent != "" {
		return o.parent
	}
	span := uuid.New()
	return "00-" + o.trace + "-" + hex.EncodeToString(span[:8]) + "-01"
}
