package runtime

import (
	"fmt"
	"path"
	"strings"
)

// ParseTraceFilter reads which events are of interest, as MESETA_TRACE says it: "all", or a list, separated by commas,
// of actors ("master", "slave*") and of messages or functions ("msg:StatusUpdateMessage", "msg:*Ping*"). Names of
// messages match with or without their package. An event matches if any entry matches its sender, its receiver or its
// name. The empty filter matches nothing.
func ParseTraceFilter(spec string) (matches func(Event) bool, err error) {
	var tests []func(Event) bool
	for _, entry := range strings.Split(spec, ",") {
		entry = strings.TrimSpace(entry)
		pattern, isName := strings.CutPrefix(entry, "msg:")
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, fmt.Errorf("runtime: trace filter %q: %w", entry, err)
		}
		switch {
		case entry == "":
		case entry == "all":
			tests = append(tests, func(Event) bool { return true })
		case isName:
			tests = append(tests, func(e Event) bool { return matchName(pattern, e.Name) })
		default:
			tests = append(tests, func(e Event) bool { return match(pattern, e.From.ID) || match(pattern, e.To.ID) })
		}
	}
	return func(e Event) bool {
		for _, test := range tests {
			if test(e) {
				return true
			}
		}
		return false
	}, nil
}

func match(pattern, s string) bool {
	ok, _ := path.Match(pattern, s)
	return ok
}

func matchName(pattern, name string) bool {
	return match(pattern, name) || match(pattern, name[strings.LastIndexByte(name, '.')+1:])
}

// logTo logs the events that spec asks for.
func (t *Trace) logTo(n *Node, spec string) error {
	if spec == "" {
		return nil
	}
	matches, err := ParseTraceFilter(spec)
	if err != nil {
		return err
	}
	t.Watch(func(e Event) {
		if !matches(e) {
			return
		}
		line := n.log.Info().Stringer("id", e.ID)
		said := func(field, value string) {
			if value != "" {
				line = line.Str(field, value)
			}
		}
		said("cause", e.Cause.String())
		if e.Kind == EventEnqueue || e.Kind == EventDeliver || e.Kind == EventDrop {
			said("what", e.What.String())
		}
		said("from", e.From.String())
		said("to", e.To.String())
		said("name", e.Name)
		said("note", e.Note)
		line.Msg(e.Kind.String())
	})
	return nil
}
