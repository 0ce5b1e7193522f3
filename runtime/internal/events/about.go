package events

import "fmt"

// longest bounds what is kept of a request's words, which its client chooses.
const longest = 256

// Describe returns what a request is about, in bounded length.
func Describe(about fmt.Stringer) string {
	if about == nil {
		return ""
	}
	text := about.String()
	if len(text) > longest {
		text = text[:longest] + "…"
	}
	return text
}

// ParentOf returns the traceparent that a request came with, as a note; empty: none.
func ParentOf(about fmt.Stringer) string {
	if r, ok := about.(interface{ Traceparent() string }); ok {
		if parent := r.Traceparent(); parent != "" && len(parent) <= longest {
			return "traceparent " + parent
		}
	}
	return ""
}

// WordsOf are those of a request to which something happens. Where it is queued they say what it came with.
func WordsOf(about fmt.Stringer, happens Happening) *Words {
	words := Words{Name: Describe(about)}
	if happens == Enqueue {
		words.Note = ParentOf(about)
	}
	return &words
}
