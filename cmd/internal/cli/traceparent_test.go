package cli_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// The requests of one run of the program belong to one trace: that which the environment names, if it does.
func TestRequestsBelongToATrace(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var parents []string
	c := newCluster(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		parents = append(parents, r.Header.Get("Traceparent"))
		mu.Unlock()
		c.Config.Handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	run := func(parent string) []string {
		parents = nil
		out, err := mesos(t, map[string]string{"TRACEPARENT": parent, "MESOS_MASTER": strings.TrimPrefix(server.URL, "http://")}, "agent", "list")
		if err != nil || len(parents) == 0 {
			t.Fatalf("%v, %d requests, %s", err, len(parents), out)
		}
		return parents
	}
	const given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, got := range run(given) {
		if got != given {
			t.Errorf("%s, want that of the environment", got)
		}
	}
	form := regexp.MustCompile("^00-[0-9a-f]{32}-[0-9a-f]{16}-01$")
	traces := map[string]bool{}
	for _, bad := range []string{"", "nonsense", "00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01"} {
		first := run(bad)[0]
		if !form.MatchString(first) || strings.Contains(first, strings.Repeat("0", 32)) || traces[first[:35]] {
			t.Errorf("%q in the environment: %s", bad, first)
		}
		traces[first[:35]] = true
		for _, other := range parents {
			if other[:35] != first[:35] {
				t.Errorf("one run has two traces, %s and %s", first, other)
			}
		}
	}
}
