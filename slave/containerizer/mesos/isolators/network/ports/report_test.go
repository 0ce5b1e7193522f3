package ports

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"meseta/messages/ids"
	"meseta/messages/resources"
)

// Ports of others are logged when they change, and end nothing unless that was asked for.
func TestReported(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	x := &Isolator{log: zerolog.New(&log)}
	r := &root{reported: map[ids.Container]resources.Ranges{}}
	for _, port := range []uint64{7, 7, 8, 8} {
		for _, id := range []ids.Container{"c1", "c1.n1"} {
			if l := x.exceeded(r, id, resources.RangesOf(resources.Range{Begin: port, End: port})); l != nil {
				t.Errorf("%s exceeds %v", id, l)
			}
		}
	}
	if got := strings.Count(log.String(), "is listening on unallocated port(s): [7-7]") + 10*strings.Count(log.String(), "[8-8]"); got != 22 {
		t.Errorf("logged %s", log.String())
	}
}
