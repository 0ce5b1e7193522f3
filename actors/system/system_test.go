package system

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"meseta/actors/metrics"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/web"
)

func TestStats(t *testing.T) {
	t.Parallel()
	n := runtimetest.Node(t)
	if err := Spawn(n); err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse("/system/stats.json")
	r, err := runtimetest.Wait(t, web.Serve(n, &web.Request{Method: http.MethodGet, URL: u, Header: http.Header{}, Body: strings.NewReader("")}))
	if err != nil || r.Status != http.StatusOK || r.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%+v %v", r, err)
	}
	var stats map[string]float64
	if err := json.Unmarshal(r.Body, &stats); err != nil || len(stats) != 6 {
		t.Fatalf("%s: %v", r.Body, err)
	}
	if stats["cpus_total"] < 1 || stats["mem_total_bytes"] <= stats["mem_free_bytes"] || stats["mem_free_bytes"] <= 0 {
		t.Errorf("%v", stats)
	}
	if !strings.Contains(string(r.Body[:strings.Index(string(r.Body), ",")]), ".") {
		t.Errorf("the load is no fraction in %s", r.Body)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	n := runtimetest.Node(t)
	if _, err := metrics.Spawn(n, metrics.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := Spawn(n); err != nil {
		t.Fatal(err)
	}
	// The actor exports on its first turn, before it answers this.
	s, _ := runtime.Find[*System](n, "system")
	runtimetest.Wait(t, runtime.Dispatch(s, func(*System) bool { return true })) //nolint:errcheck // it is there
	values, err := runtimetest.Wait(t, metrics.Of(n, 0))
	if err != nil || len(values) != 6 {
		t.Errorf("%v %v", values, err)
	}
}
