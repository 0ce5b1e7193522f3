package sim

import (
	"fmt"
	"strings"
	"time"

	"meseta/runtime"
)

// conversation is what was said between nodes, as text.
type conversation struct {
	text     strings.Builder
	describe func(runtime.Envelope) (text string, said bool)
}

// Describe decides how the log shows messages from now on: with that text instead of all their fields, and not at all
// if said is false. A long run that logs everything is mostly busy with its log.
func (w *World) Describe(describe func(runtime.Envelope) (text string, said bool)) {
	w.log.describe = describe
}

// Note writes into the log what happens next, beside the messages.
func (w *World) Note(format string, args ...any) { w.note(format, args...) }

// Log returns the conversation between the nodes so far: one line per message when it arrives, or when it was lost, and
// one per fault. It is meant to be compared with a golden file.
func (w *World) Log() string { return w.log.text.String() }

// note writes a line that is no message.
func (w *World) note(format string, args ...any) {
	fmt.Fprintf(&w.log.text, "%s  -- %s\n", stamp(w.now), fmt.Sprintf(format, args...))
}

func (l *conversation) message(now time.Duration, fate string, e runtime.Envelope) {
	describe := l.describe
	if describe == nil {
		describe = everything
	}
	text, said := describe(e)
	if !said {
		return
	}
	if fate != "" {
		fate = " (" + fate + ")"
	}
	name := e.Name[strings.LastIndexByte(e.Name, '.')+1:]
	fmt.Fprintf(&l.text, "%s  %s -> %s  %s%s%s\n", stamp(now), e.From, e.To, name, fate, spaced(text))
}

func spaced(text string) string {
	if text == "" {
		return ""
	}
	return " " + text
}

func stamp(d time.Duration) string { return fmt.Sprintf("%12.6f", d.Seconds()) }

func everything(e runtime.Envelope) (text string, said bool) {
	if e.Message == nil {
		return fmt.Sprintf("[%d bytes]", len(e.Body)), true
	}
	return Text(e.Message), true
}
