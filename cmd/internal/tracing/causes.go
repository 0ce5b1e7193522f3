package tracing

import (
	"context"
	"maps"
	"slices"
	"time"

	"meseta/runtime/trace/conversation"
)

// A node that is asked about a task returns what is about it and, as far as it remembers, what led to that. What led to it on
// another node need not be about the task, so that the other node did not return it: an agent that registers again is told so,
// and then sends updates again. Such causes are asked for by their ids.

const (
	mostHops    = 8   // from node to node, back from what is about the subject
	mostEffects = 200 // ids in a request
)

// trackDown asks nodes for causes that they did not return, and for what led to these.
func (c *collector) trackDown(ctx context.Context, since time.Duration) {
	looked := map[string]bool{}
	for range mostHops {
		missing := abroad(c.records, looked)
		if len(missing) == 0 {
			return
		}
		sideBySide(slices.Sorted(maps.Keys(c.marks)), func(n string) {
			for ids := range slices.Chunk(c.whichOf(n, missing), mostEffects) {
				c.add(c.get(ctx, n, question{effects: ids, since: since}))
			}
		})
	}
}

// add adds what a node answered. That it has begun to fail changes nothing about what it said before.
func (c *collector) add(records []conversation.Record, err error) {
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.records = append(c.records, records...)
}

// whichOf returns the ids that may be of events of a node: its own or, if it has returned no event, those that are nobody's.
func (c *collector) whichOf(node string, ids []string) []string {
	mark := c.marks[node]
	owned := slices.Collect(maps.Values(c.marks))
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		owner := id[:conversation.NodeDigits]
		return owner != mark && (mark != "" || slices.Contains(owned, owner))
	})
}

// abroad returns the causes that are on another node than what they led to, and are not among records. Those that were looked for
// before are left out.
func abroad(records []conversation.Record, looked map[string]bool) []string {
	for _, r := range records {
		looked[r.ID] = true
	}
	var ids []string
	for _, r := range records {
		if len(r.Cause) != len(r.ID) || looked[r.Cause] || r.Cause[:conversation.NodeDigits] == r.Node() {
			continue
		}
		looked[r.Cause] = true
		ids = append(ids, r.Cause)
	}
	slices.Sort(ids)
	return ids
}
