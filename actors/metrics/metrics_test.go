package metrics

import (
	"bytes"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/runtime/web"
)

// clerk counts, as the actors of a daemon do.
type clerk struct {
	runtime.Actor
	letters uint64
	sorting Timer
	roles   map[string]int
}

func (c *clerk) Initialize() { Export(c, c.measure) }

func (c *clerk) measure(s *Sample) {
	s.Counter("clerk/letters", c.letters)
	s.Flag("master/elected", true)
	s.Gauge("master/event_queue_dispatches", float64(c.Queued().Dispatches))
	s.Timer("allocator/mesos/allocation_run_ms", &c.sorting)
	for _, role := range []string{"*", "a/b"} {
		if n, ok := c.roles[role]; ok {
			s.Gauge("allocator/mesos/offer_filters/roles/"+role+"/active", float64(n))
		}
	}
}

// office is a node with metrics and a clerk.
func office(t *testing.T, limit Rate) (*sim.World, *runtime.Node, runtime.Ref[*clerk]) {
	t.Helper()
	w := runtimetest.World(t, 1)
	n := w.Node("10.0.0.1:5050")
	if _, err := Spawn(n, Options{Snapshots: limit}); err != nil {
		t.Fatal(err)
	}
	c := runtimetest.Spawn(t, n, "clerk", &clerk{roles: map[string]int{}})
	w.Settle()
	return w, n, c
}

func get(t *testing.T, n *runtime.Node, target string) runtime.Future[*web.Response] {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatal(err)
	}
	return web.Serve(n, &web.Request{Method: http.MethodGet, URL: u, Header: http.Header{}, Body: strings.NewReader("")})
}

func answered(t *testing.T, w *sim.World, f runtime.Future[*web.Response]) *web.Response {
	t.Helper()
	w.Settle()
	r, done, err := f.Peek()
	if !done || err != nil {
		t.Fatalf("answered %v (%v)", done, err)
	}
	return r
}

func TestSnapshotIsFlatSortedAndInMesosNumbers(t *testing.T) {
	t.Parallel()
	w, n, c := office(t, Rate{})
	runtime.Tell(c, func(c *clerk) {
		c.letters = 3
		c.roles["a/b"], c.roles["*"] = 2, 1
		c.sorting.Observe(c.Now(), 20*time.Microsecond)
	})
	want := `{"allocator/mesos/allocation_run_ms":0.02,"allocator/mesos/offer_filters/roles/*/active":1.0,` +
		`"allocator/mesos/offer_filters/roles/a/b/active":2.0,"clerk/letters":3.0,"master/elected":1.0,` +
		`"master/event_queue_dispatches":0.0}`
	r := answered(t, w, get(t, n, "/metrics/snapshot"))
	if string(r.Body) != want || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s\nwant %s", r.Header, r.Body, want)
	}
	runtime.Tell(c, func(c *clerk) {
		delete(c.roles, "a/b")
		c.sorting.Observe(c.Now(), 10*time.Microsecond)
	})
	r = answered(t, w, get(t, n, "/metrics/snapshot?jsonp=f"))
	for _, part := range []string{
		`f({"allocator/mesos/allocation_run_ms":0.01,"allocator/mesos/allocation_run_ms/count":2.0,`,
		`"allocator/mesos/allocation_run_ms/max":0.02,"allocator/mesos/allocation_run_ms/min":0.01,`,
		`"allocator/mesos/allocation_run_ms/p50":0.015,`,
	} {
		if !strings.Contains(string(r.Body), part) {
			t.Errorf("%s lacks %s", r.Body, part)
		}
	}
	if strings.Contains(string(r.Body), "a/b") {
		t.Errorf("%s has a role that is gone", r.Body)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	w, n, _ := office(t, Rate{})
	stuck := runtime.NewPromise[*Sample]()
	m, _ := runtime.Find[*Metrics](n, ID)
	runtime.Tell(m, func(m *Metrics) {
		m.sources = append(m.sources, &source{runtime.PID{ID: "stuck"}, stuck.Future})
	})
	for _, c := range []struct {
		query string
		body  string
	}{
		{"timeout=5", "Invalid timeout '5': duration \"5\" has no unit, such as secs.\n"},
		{"timeout=", "Invalid timeout '': duration \"\" has no unit, such as secs.\n"},
		{"timeout=soon", "Invalid timeout 'soon': "},
	} {
		r := answered(t, w, get(t, n, "/metrics/snapshot?"+c.query))
		if r.Status != http.StatusBadRequest || !strings.HasPrefix(string(r.Body), c.body) {
			t.Errorf("%s: %d %s", c.query, r.Status, r.Body)
		}
	}
	soon, whole := get(t, n, "/metrics/snapshot?timeout=5secs"), get(t, n, "/metrics/snapshot")
	w.Advance(4 * time.Second)
	if _, done, _ := soon.Peek(); done {
		t.Error("answered before its time although somebody had not")
	}
	w.Advance(time.Second)
	if r := answered(t, w, soon); !strings.Contains(string(r.Body), `"clerk/letters":0.0`) {
		t.Errorf("%s lacks the metrics of the source that answered", r.Body)
	}
	if _, done, _ := whole.Peek(); done {
		t.Error("answered without timeout although somebody had not")
	}
	stuck.Set(&Sample{[]Value{{Key: "stuck/no", Value: 1}}})
	if r := answered(t, w, whole); !strings.Contains(string(r.Body), `"stuck/no":1.0`) {
		t.Errorf("%s lacks the metrics of the source that answered late", r.Body)
	}
}

func TestSnapshotsAreLimited(t *testing.T) {
	t.Parallel()
	w, n, _ := office(t, Rate{2, time.Second})
	var asked []runtime.Future[*web.Response]
	for range 4 {
		asked = append(asked, get(t, n, "/metrics/snapshot"))
	}
	for i := range asked {
		w.Settle()
		done := slices.IndexFunc(asked, func(f runtime.Future[*web.Response]) bool { _, done, _ := f.Peek(); return !done })
		if i < 3 && done != i+1 {
			t.Errorf("%d are answered after %d halves of a second", done, i)
		}
		w.Advance(500 * time.Millisecond)
	}
}

// Requests whose clients are gone take no permits from those that wait.
func TestAbandonedSnapshotsGiveTheirPermitsBack(t *testing.T) {
	t.Parallel()
	w, n, _ := office(t, Rate{2, time.Second})
	answered(t, w, get(t, n, "/metrics/snapshot"))
	for range 1000 {
		abandoned := get(t, n, "/metrics/snapshot")
		w.Settle()
		abandoned.Discard()
	}
	last := get(t, n, "/metrics/snapshot")
	w.Advance(500 * time.Millisecond)
	answered(t, w, last)
}

// Whoever waits for metrics hears of the end of the actor, whatever it waits for.
func TestRequestsEndWithTheActor(t *testing.T) {
	t.Parallel()
	w, n, _ := office(t, Rate{1, time.Hour})
	m, _ := runtime.Find[*Metrics](n, ID)
	stuck := runtime.NewPromise[*Sample]()
	answered(t, w, get(t, n, "/metrics/snapshot"))
	runtime.Tell(m, func(m *Metrics) { m.sources = append(m.sources, &source{measure: stuck.Future}) })
	pending := map[string]runtime.Future[*web.Response]{
		"a permit": get(t, n, "/metrics/snapshot"), "a sample": get(t, n, "/metrics"),
	}
	values := Of(n, 0)
	w.Settle()
	n.Terminate(m.PID())
	w.Settle()
	for what, f := range pending {
		if _, done, _ := f.Peek(); !done {
			t.Errorf("a request for %s is never answered", what)
		}
	}
	if _, done, err := values.Peek(); !done || err == nil {
		t.Errorf("the values are done %v, %v", done, err)
	}
}

// An actor that is spawned again under its name shows its values, although those of the first one are forgotten.
func TestRespawnedActorsKeepTheirMetrics(t *testing.T) {
	t.Parallel()
	w, n, c := office(t, Rate{})
	n.Terminate(c.PID())
	w.Settle()
	runtimetest.Spawn(t, n, "clerk", &clerk{letters: 7, roles: map[string]int{}})
	for range 2 {
		if r := answered(t, w, get(t, n, "/metrics/snapshot")); !strings.Contains(string(r.Body), `"clerk/letters":7.0`) {
			t.Fatalf("%s", r.Body)
		}
	}
}

func TestWhoTerminatedIsForgotten(t *testing.T) {
	t.Parallel()
	w, n, c := office(t, Rate{})
	n.Terminate(c.PID())
	if r := answered(t, w, get(t, n, "/metrics/snapshot")); string(r.Body) != "{}" {
		t.Errorf("%s", r.Body)
	}
	m, _ := runtime.Find[*Metrics](n, ID)
	left := runtime.Dispatch(m, func(m *Metrics) int { return len(m.sources) })
	w.Settle()
	if got, _, _ := left.Peek(); got != 0 {
		t.Errorf("%d sources are left", got)
	}
}

func TestWithoutTheActorExportDoesNothing(t *testing.T) {
	t.Parallel()
	w := runtimetest.World(t, 1)
	n := w.Node("10.0.0.1:5050")
	runtimetest.Spawn(t, n, "clerk", &clerk{})
	all := Of(n, 0)
	w.Settle()
	if v, done, err := all.Peek(); !done || err != nil || len(v) != 0 {
		t.Errorf("%v %v %v", v, err, done)
	}
}

func TestPrometheus(t *testing.T) {
	t.Parallel()
	w, n, c := office(t, Rate{})
	runtime.Tell(c, func(c *clerk) {
		c.letters = 3
		c.roles["a/b"] = 2
		c.sorting.Observe(c.Now(), 20*time.Millisecond)
		c.sorting.Observe(c.Now(), 10*time.Millisecond)
	})
	r := answered(t, w, get(t, n, "/metrics"))
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("%v", r.Header)
	}
	for _, line := range []string{
		"# HELP mesos_master_elected 1 when leading else 0\n# TYPE mesos_master_elected gauge\nmesos_master_elected 1\n",
		"# TYPE mesos_clerk_letters_total counter\nmesos_clerk_letters_total 3\n",
		"mesos_allocator_mesos_offer_filters_roles_active{role=\"a/b\"} 2\n",
		"# TYPE mesos_allocator_mesos_allocation_run_seconds summary\n",
		"mesos_allocator_mesos_allocation_run_seconds{quantile=\"0.5\"} 0.015\n",
		"mesos_allocator_mesos_allocation_run_seconds_sum 0.03\nmesos_allocator_mesos_allocation_run_seconds_count 2\n",
		"# TYPE go_goroutines gauge\n",
	} {
		if !strings.Contains(string(r.Body), line) {
			t.Errorf("lacks %s", line)
		}
	}
	if r := answered(t, w, get(t, n, "/metrics/else")); r.Status != http.StatusNotFound {
		t.Errorf("/metrics/else: %d", r.Status)
	}
}

func TestValuesThatDoNotFitTogetherDoNotHideTheOthers(t *testing.T) {
	t.Parallel()
	page, err := expose([]Value{{Key: "a/b", Value: 1}, {Key: "a_b", Value: 2}, {Key: "c", Value: 3}}, "text/plain")
	if err == nil || !strings.Contains(string(page), "mesos_c 3") {
		t.Errorf("%v", err)
	}
}

// FuzzKeys has anything as keys: roles come from frameworks. What Prometheus cannot take does not hide the rest.
func FuzzKeys(f *testing.F) {
	for _, seed := range []string{
		"", "/", "a\nb", "9", "master/elected", "allocator/mesos/offer_filters/roles/\xff/active", "frameworks//messages_received",
		"master/frameworks/n/i/calls", "go_goroutines", "x_ms", "x_secs", "é", "a b\x00",
	} {
		f.Add(seed, uint8(len(seed)))
	}
	f.Fuzz(func(t *testing.T, key string, kind uint8) {
		if strings.HasPrefix(key, "zz") {
			return
		}
		values := []Value{{Key: key, Kind: Kind(kind % 3), Value: 1, Count: 1, Sum: 1}, {Key: "zz/last", Value: 3}}
		page, _ := expose(values, "text/plain; version=0.0.4")
		if !strings.Contains(string(page), "\nmesos_zz_last 3\n") {
			t.Errorf("%q hides the rest", key)
		}
		if flat := Append(nil, values); !bytes.Contains(flat, []byte(`"zz/last":3.0`)) {
			t.Errorf("%s", flat)
		}
	})
}

func TestCatalogueGivesEachKeyItsOwnName(t *testing.T) {
	t.Parallel()
	valid := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	keys := map[string]string{}
	all := known.various
	for _, p := range known.exact {
		all = append(all, p)
	}
	for _, p := range all {
		key := strings.Join(p.literals, "<>")
		if other, taken := keys[p.name]; taken || !valid.MatchString(p.name) {
			t.Errorf("%s and %s are both %s", key, other, p.name)
		}
		keys[p.name] = key
		values := make([]string, len(p.labels))
		example := p.literals[0]
		for i := range values {
			values[i] = "some"
			example += values[i] + p.literals[i+1]
		}
		if found, got := known.find(example); found != p || !slices.Equal(got, values) {
			t.Errorf("%s: found %v with %v", example, found, got)
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Rate{"": {}, "2/1secs": {2, time.Second}, "100/5mins": {100, 5 * time.Minute}} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"2", "x/1secs", "0/1secs", "-1/1secs", "2/", "2/0secs", "2/1"} {
		if got, err := ParseRate(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// What no actor has is shown beside what actors have, with what is put into labels.
func TestValuesWithoutAnActor(t *testing.T) {
	t.Parallel()
	w, n, _ := office(t, Rate{})
	ExportOf(n, func(s *Sample) { s.Counter("libprocess/messages_dropped/queue_full", 2) })
	if body := string(answered(t, w, get(t, n, "/metrics/snapshot")).Body); !strings.Contains(body, `"libprocess/messages_dropped/queue_full":2.0`) {
		t.Errorf("it is not in %s", body)
	}
	const line = `mesos_libprocess_messages_dropped_total{reason="queue_full"} 2`
	if body := string(answered(t, w, get(t, n, "/metrics")).Body); !strings.Contains(body, line) {
		t.Errorf("%s is not in %s", line, body)
	}
}
