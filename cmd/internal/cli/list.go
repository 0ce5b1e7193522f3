package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
)

// list is a JSON list whose elements are kept unparsed.
type list []json.RawMessage

func (l list) json() json.RawMessage {
	if l == nil {
		return json.RawMessage("[]")
	}
	text, err := json.Marshal(l)
	if err != nil {
		panic(err) // they were parsed from JSON
	}
	return text
}

// list requests a list from the leading master.
func (s *session) list(ctx context.Context, path, key string) (list, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	text, err := c.get(ctx, path, nil, key)
	if err != nil {
		return nil, err
	}
	return parseList(text)
}

func parseList(text json.RawMessage) (list, error) {
	var l list
	err := json.Unmarshal(text, &l)
	return l, err
}

// only returns the elements for which keep returns true.
func only[T any](l list, keep func(T) bool) (list, error) {
	var kept list
	for _, text := range l {
		var element T
		if err := json.Unmarshal(text, &element); err != nil {
			return nil, err
		}
		if keep(element) {
			kept = append(kept, text)
		}
	}
	return kept, nil
}

// print prints l in the format of --output; row adds an element to the table t.
func print[T any](s *session, t *rows, l list, row func(T)) error {
	if s.output == "json" {
		return writeJSON(s.Out, l.json())
	}
	for _, text := range l {
		var element T
		if err := json.Unmarshal(text, &element); err != nil {
			return err
		}
		row(element)
	}
	return t.write(s.Out)
}

// inspect prints the element of all with the given ID.
func (s *session) inspect(ctx context.Context, what, id string, all func(context.Context) (list, error)) error {
	l, err := all(ctx)
	if err != nil {
		return err
	}
	text, err := find(l, what, id)
	if err != nil {
		return err
	}
	return writeJSON(s.Out, text)
}

// find returns the last element with the given ID or, if all elements whose ID begins with it have the same one, the
// last of these.
func find(l list, what, id string) (json.RawMessage, error) {
	ids, err := idsOf(l)
	if err != nil {
		return nil, err
	}
	var found json.RawMessage
	var like []string
	seen := map[string]bool{}
	for i, one := range ids {
		if one == id {
			found = l[i]
		} else if strings.HasPrefix(one, id) && !seen[one] {
			seen[one] = true
			like = append(like, one)
		}
	}
	switch {
	case found != nil:
		return found, nil
	case len(like) == 0:
		return nil, fmt.Errorf("there is no %s %q", what, id)
	case len(like) == 1:
		return l[lastIndex(ids, like[0])], nil
	}
	slices.Sort(like)
	var candidates strings.Builder
	for _, one := range like[:min(len(like), mostCandidates)] {
		candidates.WriteString("\n  " + printable(one))
	}
	if more := len(like) - mostCandidates; more > 0 {
		fmt.Fprintf(&candidates, "\n  and %d more", more)
	}
	return nil, fmt.Errorf("%s %q is ambiguous; it may be one of:%s", what, id, candidates.String())
}

func lastIndex(ids []string, id string) int {
	for i, one := range slices.Backward(ids) {
		if one == id {
			return i
		}
	}
	return -1
}

// mostCandidates is the largest number of candidates that are listed for an ambiguous ID.
const mostCandidates = 10

func idsOf(l list) ([]string, error) {
	var ids []string
	for _, text := range l {
		var named struct{ ID string }
		if err := json.Unmarshal(text, &named); err != nil {
			return nil, err
		}
		ids = append(ids, named.ID)
	}
	return ids, nil
}

// patience is how long shell completion waits for the cluster.
const patience = 2 * time.Second

// completes returns a completion of a first argument that is the ID of an element of the list. It ignores errors.
func (s *session) completes(all func(*session, context.Context) (list, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), patience)
		defer cancel()
		l, err := all(s, ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var ids []cobra.Completion
		for _, text := range l {
			var one struct{ ID, Name, Hostname, State string }
			if json.Unmarshal(text, &one) == nil && !strings.ContainsFunc(one.ID, unicode.IsControl) {
				ids = append(ids, cobra.CompletionWithDesc(one.ID, printable(cmp.Or(one.State, one.Name, one.Hostname))))
			}
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
}

// without removes fields from a JSON object. The other fields keep their order.
func without(text json.RawMessage, names ...string) (json.RawMessage, error) {
	in := json.NewDecoder(bytes.NewReader(text))
	if _, err := in.Token(); err != nil {
		return nil, err
	}
	out := []byte{'{'}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return nil, err
		}
		if slices.Contains(names, name.(string)) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(fmt.Appendf(out, "%q:", name), value...)
	}
	return append(out, '}'), nil
}
