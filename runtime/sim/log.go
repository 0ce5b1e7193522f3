package sim

import (
	"fmt"
	"strings"
	"time"

	"meseta/runtime"
)

// conversation is what was said between nodes, as text.
type conversation struct{ text strings.Builder }

// Log returns the conversation between the nodes so far: one line per message when it arrives, or when it was lost, and
// one per fault. It is meant to be compared with a golden file.
func (w *World) Log() string { return w.log.text.String() }

// note writes a line that is no message.
func (w *World) note(format string, args ...any) {
	fmt.Fprintf(&w.log.text, "%s  -- %s\n", stamp(w.now), fmt.Sprintf(format, args...))
}

func (l *conversation) message(now time.Duration, fate string, e runtime.Envelope) {
	if fate != "" {
		fate = " (" + fate + ")"
	}
	name := e.Name[strings.LastIndexByte(e.Name, '.')+1:]
	fmt.Fprintf(&l.text, "%s  %s -> %s  %s%s%s\n", stamp(now), e.From, e.To, name, fate, content(e))
}

func stamp(d time.Duration) string { return fmt.Sprintf("%12.6f", d.Seconds()) }

func content(e runtime.Envelope) string {
	if e.Message == nil {
		return fmt.Sprintf(" [%d bytes]", len(e.Body))
	}
	if text := Text(e.Message); text != "" {
		return " " + text
	}
	return ""
}
