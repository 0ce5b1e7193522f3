package logging

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/runtime/web"
)

func toggle(t *testing.T, w *sim.World, n *runtime.Node, query string) (int, string) {
	t.Helper()
	u, _ := url.Parse("/logging/toggle?" + query)
	f := web.Serve(n, &web.Request{Method: http.MethodPost, URL: u, Header: http.Header{}, Body: strings.NewReader("")})
	w.Settle()
	r, done, err := f.Peek()
	if !done || err != nil {
		t.Fatalf("answered %v (%v)", done, err)
	}
	return r.Status, string(r.Body)
}

func TestVerbosityIsRaisedForAWhile(t *testing.T) {
	t.Parallel()
	w := runtimetest.World(t, 1)
	n := w.Node("10.0.0.1:5050")
	var applied []int
	if _, err := Spawn(n, "", func(v int) { applied = append(applied, v) }); err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		wait  time.Duration
		query string
		body  string
		want  []int // all that was applied so far
	}{
		{0, "", "0\n", nil},
		{0, "level=1&duration=1mins", "", []int{1}},
		{30 * time.Second, "", "1\n", []int{1}},
		{0, "level=1&duration=2mins", "", []int{1}}, // the first minute does not end it
		{90 * time.Second, "", "1\n", []int{1}},
		{30 * time.Second, "", "0\n", []int{1, 0}},
		{0, "level=3&duration=1mins", "", []int{1, 0, 3}},
		{0, "level=0&duration=1mins", "", []int{1, 0, 3, 0}},
		{time.Hour, "", "0\n", []int{1, 0, 3, 0}},
	}
	for i, s := range steps {
		w.Advance(s.wait)
		status, body := toggle(t, w, n, s.query)
		if status != http.StatusOK || body != s.body || !slices.Equal(applied, s.want) {
			t.Errorf("step %d: %d %q, applied %v", i, status, body, applied)
		}
	}
}

func TestWrongParameters(t *testing.T) {
	t.Parallel()
	w := runtimetest.World(t, 1)
	n := w.Node("10.0.0.1:5050")
	if _, err := Spawn(n, "", func(v int) { t.Errorf("applied %d", v) }); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"level=1":                 "Expecting 'duration=value' in query.\n",
		"duration=1mins":          "Expecting 'level=value' in query.\n",
		"level=x&duration=1mins":  "Failed to convert 'x' to number.\n",
		"level=-1&duration=1mins": "Invalid level '-1'.\n",
		"level=1&duration=1":      "duration \"1\" has no unit, such as secs.\n",
	} {
		if status, body := toggle(t, w, n, query); status != http.StatusBadRequest || body != want {
			t.Errorf("%s: %d %q", query, status, body)
		}
	}
}
