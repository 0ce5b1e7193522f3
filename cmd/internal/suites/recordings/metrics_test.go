package recordings

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// missing are the recorded keys of metrics that ours lack, by how they begin, with the reason. An entry that is not
// needed fails.
var missing = map[string]string{

	"resource_provider_manager/": "comes with resource providers",
}

var ofFramework = regexp.MustCompile(`^master/frameworks/[^/]+/[^/]+/`)

// keysOf are the keys of a snapshot, those of frameworks without saying of which.
func (s *stage) keysOf(snapshot []byte) map[string]bool {
	s.t.Helper()
	var values map[string]float64
	if err := json.Unmarshal(snapshot, &values); err != nil {
		s.t.Fatal(err)
	}
	keys := map[string]bool{}
	for key := range values {
		keys[ofFramework.ReplaceAllLiteralString(key, "master/frameworks/…/")] = true
	}
	return keys
}

// compareMetrics looks for the keys of Mesos's metrics in ours.
func (s *stage) compareMetrics(recordings []recording) {
	s.t.Helper()
	needed := map[string]bool{}
	for _, r := range recordings {
		if !strings.HasSuffix(r.name, "metrics_snapshot") {
			continue
		}
		got := s.keysOf(s.get(r.daemon, "/metrics/snapshot", "").body)
		for _, key := range slices.Sorted(maps.Keys(s.keysOf(r.answer.body))) {
			if got[key] {
				continue
			}
			reason := ""
			for prefix := range missing {
				if strings.HasPrefix(key, prefix) {
					reason, needed[prefix] = missing[prefix], true
				}
			}
			if reason == "" {
				s.t.Errorf("the %s has no metric %s", r.daemon, key)
			}
		}
	}
	for prefix := range missing {
		if !needed[prefix] {
			s.t.Errorf("metrics that begin with %s are there, or were never recorded", prefix)
		}
	}
}
