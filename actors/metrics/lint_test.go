package metrics

import (
	"bytes"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// everything has a value for each key of the catalogue.
func everything() []Value {
	var all []Value
	for line := range strings.Lines(catalogueText) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		v := Value{Key: strings.NewReplacer("<", "a-", ">", "-b").Replace(columns[0]), Value: 1}
		switch columns[1] {
		case "counter":
			v.Kind = KindCounter
		case "timer":
			v.Kind, v.Count, v.Sum, v.Statistics = KindTimer, 2, 3, Statistics{Count: 2, Min: 1, Max: 2}
		}
		all = append(all, v)
	}
	return all
}

// Prometheus's own parser reads the page, and its linter finds nothing in what is ours but what Mesos calls its metrics.
func TestPageIsReadAndLinted(t *testing.T) {
	t.Parallel()
	values := everything()
	page, err := expose(values, expfmt.NewFormat(expfmt.TypeTextPlain))
	if err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	ours := 0
	for name := range families {
		if strings.HasPrefix(name, "mesos_") {
			ours += len(families[name].GetMetric())
		}
	}
	if ours != len(values) || ours < 300 {
		t.Errorf("%d values became %d", len(values), ours)
	}
	problems, err := promlint.New(bytes.NewReader(page)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
