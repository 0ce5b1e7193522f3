package simcluster_test

import (
	"fmt"
	"hash/fnv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/suites/simcluster"
	"meseta/runtime"
	"meseta/runtime/sim"
)

// Whoever looks at a storm does not change it. Whether the conversation is written, events are remembered, and the daemons'
// logs are read, or none of this: the same is said at the same times, in as many steps.
func TestWatchingAStormDoesNotChangeIt(t *testing.T) {
	t.Parallel()
	for _, masters := range []int{1, 3} {
		t.Run(fmt.Sprint(masters), func(t *testing.T) {
			t.Parallel()
			const seed = 10506
			var log strings.Builder
			unseen := course(t, seed, masters, func(c *simcluster.Config) { c.Silent = true })
			seen := course(t, seed, masters, func(c *simcluster.Config) { c.Silent, c.Trace, c.Log = false, true, &log })
			if unseen != seen {
				t.Errorf("unseen: %s; seen: %s", unseen, seen)
			}
			if log.Len() == 0 {
				t.Error("nothing was logged")
			}
			if other := course(t, seed+1, masters, func(c *simcluster.Config) { c.Silent = true }); other == unseen {
				t.Errorf("another seed takes the same course: %s", other)
			}
		})
	}
}

// course is what happens in a storm of some steps: every message, and when it is sent.
func course(t *testing.T, seed uint64, masters int, change func(*simcluster.Config)) string {
	s := newStormOf(t, seed, masters, change)
	messages, digest := 0, fnv.New64a()
	defer s.World.Intercept(func(e runtime.Envelope) sim.Verdict {
		body, err := proto.MarshalOptions{Deterministic: true}.Marshal(e.Message)
		if err != nil {
			t.Error(err)
		}
		messages++
		fmt.Fprintln(digest, s.World.Now(), e.From, e.To, e.Name, body, e.Body)
		return sim.Pass
	})()
	for range 60 {
		if masters > 1 {
			s.weather()
		}
		s.step()
	}
	return fmt.Sprintf("%d messages (%x) in %d steps until %s", messages, digest.Sum64(), s.World.Steps(), s.World.Now())
}
