package trace

import (
	"fmt"
	"strings"

	"github.com/rs/zerolog"

	"meseta/runtime"
	"meseta/runtime/trace/conversation"
)

// ParseFilter reads which events are of interest, as MESETA_TRACE says it: "all", or a list, separated by commas, of actors
// ("master", "slave*") and of messages or functions ("msg:StatusUpdateMessage", "msg:*Ping*"). Names of messages match with
// or without their package. An event matches if any entry matches its sender, its receiver or its name. The empty filter
// matches nothing.
func ParseFilter(spec string) (matches func(runtime.Event) bool, err error) {
	var tests []func(runtime.Event) bool
	for _, entry := range strings.Split(spec, ",") {
		entry = strings.TrimSpace(entry)
		pattern, isName := strings.CutPrefix(entry, "msg:")
		if _, err := conversation.Match(pattern, ""); err != nil {
			return nil, fmt.Errorf("trace: filter %q: %w", entry, err)
		}
		switch {
		case entry == "":
		case pattern == "":
			return nil, fmt.Errorf("trace: filter %q: want a pattern of names after msg:", entry)
		case entry == "all":
			tests = append(tests, func(runtime.Event) bool { return true })
		case isName:
			tests = append(tests, Query{Message: pattern}.matches)
		default:
			tests = append(tests, Query{Actor: pattern}.matches)
		}
	}
	return func(e runtime.Event) bool {
		for _, test := range tests {
			if test(e) {
				return true
			}
		}
		return false
	}, nil
}

// Log writes the events of n that filter selects to log, at level info, from now on. The empty filter selects none and
// costs nothing. [ParseFilter] says what a filter is.
func Log(n *runtime.Node, log zerolog.Logger, filter string) error {
	if filter == "" {
		return nil
	}
	matches, err := ParseFilter(filter)
	if err != nil {
		return err
	}
	n.Trace().Watch(func(e runtime.Event) {
		if matches(e) {
			logEvent(log, e)
		}
	})
	return nil
}

func logEvent(log zerolog.Logger, e runtime.Event) {
	r := RecordOf(e)
	line := log.Info().Str("id", r.ID)
	for _, field := range []struct{ key, value string }{
		{"cause", r.Cause}, {"what", r.What}, {"from", r.From}, {"to", r.To}, {"name", r.Name}, {"note", r.Note},
	} {
		if field.value != "" {
			line = line.Str(field.key, field.value)
		}
	}
	line.Msg(r.Event)
}
