package slave_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"meseta/actors/metrics"
	"meseta/actors/system"
)

// absent are the metrics of an agent that ours does not have, by the beginning of their keys, with the reason.
var absent = map[string]string{
	"volume_gid_manager/":        "they are there with --volume_gid_range, which needs root",
	"resource_provider_manager/": "there are no resource providers",
}

// Every metric that the reference's agent has is there, or has its reason not to be. Those of containers are the
// containerizer's.
func TestMetricsAreThoseOfMesos(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(recordings(t))), "reference", "metrics.tsv"))
	if err != nil {
		t.Skip("the table is not here: ", err)
	}
	w := newWorld(t, func(w *world) {
		w.early = func() {
			if _, err := metrics.Spawn(w.agentNode, metrics.Options{}); err != nil {
				t.Fatal(err)
			}
			if err := system.Spawn(w.agentNode); err != nil {
				t.Fatal(err)
			}
		}
	})
	values := map[string]float64{}
	if err := json.Unmarshal(w.ask("GET", "/metrics/snapshot", nil, nil).Body, &values); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(table)) {
		fields := strings.Split(line, "\t")
		key, component := fields[0], fields[2]
		if component != "agent" && component != "system" {
			continue
		}
		rows++
		pattern := regexp.MustCompile("^" + regexp.MustCompile(`<[^>]*>`).ReplaceAllString(regexp.QuoteMeta(key), ".+") + "$")
		there, reason := false, ""
		for got := range values {
			there = there || pattern.MatchString(got)
		}
		for prefix, why := range absent {
			if strings.HasPrefix(key, prefix) {
				reason = why
			}
		}
		if there == (reason != "") {
			t.Errorf("%s (%s): there %v, and the reason not to be: %q", key, fields[3], there, reason)
		}
	}
	if rows < 50 {
		t.Errorf("only %d metrics are known", rows)
	}
}
