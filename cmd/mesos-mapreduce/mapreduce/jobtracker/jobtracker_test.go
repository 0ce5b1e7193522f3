package jobtracker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"meseta/cmd/mesos-mapreduce/mapreduce/jobtracker"
	"meseta/messages/resources"
)

var (
	one     = jobtracker.Cost{CPUs: resources.QuantityOf(1), Mem: resources.QuantityOf(64)}
	options = jobtracker.Options{SlowStart: 0.5, Task: one, TaskTracker: jobtracker.Cost{Mem: resources.QuantityOf(32)}}
)

// room returns an offer of a node with room for that many tasks and the executor.
func room(n jobtracker.Node, tasks int) jobtracker.Offer {
	return jobtracker.Offer{Node: n, Free: jobtracker.Cost{
		CPUs: one.CPUs * resources.Quantity(tasks), Mem: one.Mem*resources.Quantity(tasks) + options.TaskTracker.Mem,
	}}
}

func held(holders ...string) [][]jobtracker.Node {
	var out [][]jobtracker.Node
	for _, h := range holders {
		var nodes []jobtracker.Node
		for _, n := range strings.Fields(h) {
			nodes = append(nodes, jobtracker.Node(n))
		}
		out = append(out, nodes)
	}
	return out
}

// text writes launches as "m0@a* r1@b", where * means local.
func text(offers []jobtracker.Offer, launches []jobtracker.Launch) string {
	var words []string
	for _, l := range launches {
		w := fmt.Sprintf("%c%d@%s", l.Attempt.Task.Kind.String()[0], l.Attempt.Task.Index, offers[l.Offer].Node)
		if l.Local {
			w += "*"
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

func TestPlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		holders [][]jobtracker.Node
		reduces int
		slow    float64
		offers  []jobtracker.Offer
		want    string
	}{
		{"one at a time, round the offers", held("a", "a", "b", "b"), 1, 1, []jobtracker.Offer{room("a", 2), room("b", 2)}, "m0@a* m2@b* m1@a* m3@b*"},
		{"until no offer can take more", held("a", "a", "a", "a", "a"), 1, 1, []jobtracker.Offer{room("a", 1), room("b", 3)}, "m0@a* m1@b m2@b m3@b"},
		{"until nothing is pending", held("b"), 1, 1, []jobtracker.Offer{room("a", 5), room("b", 5)}, "m0@a"},
		{"local first", held("b", "a"), 1, 1, []jobtracker.Offer{room("a", 1), room("b", 1)}, "m1@a* m0@b*"},
		{"no room for the executor", held("a"), 1, 1, []jobtracker.Offer{{Node: "a", Free: one}}, ""},
		{"the executor is there", held("a"), 1, 1, []jobtracker.Offer{{Node: "a", Free: one, Tracker: true}}, "m0@a*"},
		{"reduces balance maps", held("a", "a", "a", "a"), 2, 0, []jobtracker.Offer{room("a", 6)}, "m0@a* r0@a m1@a* m2@a* r1@a m3@a*"},
		{"reduces wait for maps", held("a", "a"), 2, 1, []jobtracker.Offer{room("a", 6)}, "m0@a* m1@a*"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := options
			o.SlowStart = c.slow
			tracker := jobtracker.New(o)
			tracker.Submit(jobtracker.Spec{Holders: c.holders, Reduces: c.reduces})
			if got := text(c.offers, tracker.Place(c.offers)); got != c.want {
				t.Errorf("placed %q, want %q", got, c.want)
			}
		})
	}
}

// place runs one task on a node and returns its attempt.
func place(t *testing.T, tracker *jobtracker.Tracker, n jobtracker.Node) jobtracker.Attempt {
	t.Helper()
	launches := tracker.Place([]jobtracker.Offer{room(n, 1)})
	if len(launches) != 1 {
		t.Fatalf("%d launches on %s", len(launches), n)
	}
	return launches[0].Attempt
}

func TestFailedMapsMoveOn(t *testing.T) {
	t.Parallel()
	tracker := jobtracker.New(options)
	tracker.Submit(jobtracker.Spec{Holders: held("a"), Reduces: 1})
	tracker.Place([]jobtracker.Offer{{Node: "b"}}) // b is known, but has no room
	first := place(t, tracker, "a")
	tracker.Failed(first, "bad disk")
	if l := tracker.Place([]jobtracker.Offer{room("a", 1)}); len(l) != 0 {
		t.Fatalf("tried again where it failed: %v", l)
	}
	second := place(t, tracker, "b")
	if second.Number != 2 || tracker.Progress(0).Retries != 1 {
		t.Errorf("the second attempt is %v, retries %d", second, tracker.Progress(0).Retries)
	}
	if tracker.MapDone(first, "late") {
		t.Error("the first attempt cannot finish any more")
	}
	tracker.Failed(second, "bad disk")
	tracker.Failed(place(t, tracker, "a"), "bad disk")
	tracker.Failed(place(t, tracker, "b"), "bad input")
	if p := tracker.Progress(0); !p.Over() || p.Done() || !strings.Contains(p.Failure, "bad input") || !tracker.Over() {
		t.Errorf("after four failures: %+v", p)
	}
}

func TestAttemptsOfAFailedJobAreFutile(t *testing.T) {
	t.Parallel()
	o := options
	o.SlowStart = 0
	tracker := jobtracker.New(o)
	tracker.Submit(jobtracker.Spec{Holders: held("a"), Reduces: 1})
	tracker.Submit(jobtracker.Spec{Holders: held("a"), Reduces: 1})
	first, waiting := place(t, tracker, "a"), place(t, tracker, "a")
	if f := tracker.Futile(); len(f) != 0 {
		t.Fatalf("%v are futile while both jobs run", f)
	}
	tracker.Failed(first, "bad input")
	for range 3 {
		tracker.Failed(place(t, tracker, "a"), "bad input")
	}
	if f := tracker.Futile(); !slices.Equal(f, []jobtracker.Attempt{waiting}) {
		t.Fatalf("%v are futile, want the reduce %v of the job that failed", f, waiting)
	}
	tracker.Dropped(waiting)
	if f := tracker.Futile(); len(f) != 0 {
		t.Errorf("%v are still futile", f)
	}
	if next := place(t, tracker, "a"); next.Task.Job != 1 {
		t.Errorf("the room goes to %v, want the other job", next)
	}
}

func TestLostOutputsAreMadeAgain(t *testing.T) {
	t.Parallel()
	tracker := jobtracker.New(options)
	tracker.Submit(jobtracker.Spec{Holders: held("a", "b"), Reduces: 1})
	m0, m1 := place(t, tracker, "a"), place(t, tracker, "b")
	tracker.MapDone(m0, "u0")
	tracker.MapDone(m1, "u1")
	r0 := place(t, tracker, "b")
	tracker.TrackerLost("a")
	if p := tracker.Progress(0); p.MapsDone != 1 || p.ReducesRunning != 1 {
		t.Fatalf("after the loss of a: %+v", p)
	}
	if a, ok := tracker.Preempt(); !ok || a != r0 {
		t.Errorf("a reduce that waits for a map without room must give way; got %v, %v", a, ok)
	}
	again := place(t, tracker, "b")
	if _, ok := tracker.Preempt(); ok {
		t.Error("the map runs, so none needs to give way")
	}
	tracker.MapDone(again, "u2")
	tracker.OutputLost(m1)
	tracker.OutputLost(m1)
	if p := tracker.Progress(0); p.MapsDone != 1 {
		t.Errorf("after the loss of one output: %+v", p)
	}
	last := place(t, tracker, "a")
	tracker.OutputLost(m1) // which is outdated
	tracker.MapDone(last, "u3")
	var urls []string
	for _, o := range tracker.Outputs(0, 1) {
		urls = append(urls, fmt.Sprintf("%d %d %s", o.Map, o.Attempt, o.URL))
	}
	if got := strings.Join(urls, ", "); got != "1 1 u1, 0 2 u2, 1 2 u3" {
		t.Errorf("outputs since 1: %s", got)
	}
	tracker.ReduceDone(r0)
	tracker.TrackerLost("a")
	if p := tracker.Progress(0); !p.Done() || p.MapsDone != 2 {
		t.Errorf("outputs that are not needed were made again: %+v", p)
	}
}

func TestPlaceable(t *testing.T) {
	t.Parallel()
	tracker := jobtracker.New(options)
	if tracker.Placeable() {
		t.Error("nothing was submitted")
	}
	tracker.Submit(jobtracker.Spec{Holders: held("a", "a"), Reduces: 1})
	first, second := place(t, tracker, "a"), place(t, tracker, "a")
	if tracker.Placeable() {
		t.Error("all maps run, and the reduce has to wait for half of them")
	}
	tracker.MapDone(first, "u")
	if !tracker.Placeable() {
		t.Error("the reduce may start")
	}
	place(t, tracker, "a")
	tracker.Failed(second, "once")
	if !tracker.Placeable() {
		t.Error("the failed map waits")
	}
}

func TestHomesAreSpreadAndStay(t *testing.T) {
	t.Parallel()
	homes := func(nodes ...jobtracker.Node) map[int]jobtracker.Node {
		tracker := jobtracker.New(options)
		tracker.Submit(jobtracker.Spec{Holders: make([][]jobtracker.Node, 300), Reduces: 1})
		var offers []jobtracker.Offer
		for _, n := range nodes {
			offers = append(offers, room(n, 300))
		}
		at := map[int]jobtracker.Node{}
		for _, l := range tracker.Place(offers) {
			if l.Local {
				at[l.Attempt.Task.Index] = offers[l.Offer].Node
			}
		}
		return at
	}
	three, two := homes("a", "b", "c"), homes("a", "b")
	on := map[jobtracker.Node]int{}
	for _, n := range three {
		on[n]++
	}
	for _, n := range []jobtracker.Node{"a", "b", "c"} {
		if on[n] < 50 {
			t.Errorf("%s is home of %d of 300 splits", n, on[n])
		}
	}
	for i, n := range three {
		if m, ok := two[i]; ok && n != "c" && m != n {
			t.Errorf("split %d moved from %s to %s when c left", i, n, m)
		}
	}
}

// Whatever happens, in whatever order: no offer is exceeded, no task runs twice at once, everything that can be placed
// is placed, and in the end every job is over.
func TestProperties(t *testing.T) {
	t.Parallel()
	nodes := []jobtracker.Node{"a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		tracker := jobtracker.New(options)
		for range rapid.IntRange(1, 2).Draw(t, "jobs") {
			var holders [][]jobtracker.Node
			for range rapid.IntRange(1, 8).Draw(t, "maps") {
				holders = append(holders, rapid.SliceOfNDistinct(rapid.SampledFrom(nodes), 0, 2, rapid.ID).Draw(t, "holders"))
			}
			tracker.Submit(jobtracker.Spec{Holders: holders, Reduces: rapid.IntRange(1, 3).Draw(t, "reduces")})
		}
		var live []jobtracker.Attempt
		drop := func(i int) { live = slices.Delete(live, i, i+1) }
		finish := func(i int) {
			a := live[i]
			drop(i)
			if a.Task.Kind == jobtracker.Map {
				tracker.MapDone(a, "u")
			} else {
				tracker.ReduceDone(a)
			}
		}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1:
				live = append(live, checkedPlace(t, tracker, nodes)...)
			case 2, 3:
				if len(live) > 0 {
					finish(rapid.IntRange(0, len(live)-1).Draw(t, "which"))
				}
			case 4:
				if len(live) > 0 {
					i := rapid.IntRange(0, len(live)-1).Draw(t, "which")
					tracker.Failed(live[i], "drawn")
					drop(i)
				}
			case 5:
				tracker.TrackerLost(rapid.SampledFrom(nodes).Draw(t, "node"))
			}
			live = slices.DeleteFunc(live, func(a jobtracker.Attempt) bool { return !tracker.Running(a) })
		}
		for round := 0; !tracker.Over(); round++ {
			if round > 1000 {
				t.Fatalf("never over: %+v", tracker.Progress(0))
			}
			live = append(live, checkedPlace(t, tracker, nodes)...)
			if len(live) > 0 {
				finish(0)
			}
		}
	})
}

// checkedPlace places tasks on random offers and checks the result against these rules.
func checkedPlace(t *rapid.T, tracker *jobtracker.Tracker, nodes []jobtracker.Node) []jobtracker.Attempt {
	var offers []jobtracker.Offer
	for _, n := range nodes {
		offers = append(offers, room(n, rapid.IntRange(0, 3).Draw(t, "room")))
	}
	used := make([]jobtracker.Cost, len(offers))
	var attempts []jobtracker.Attempt
	for _, l := range tracker.Place(offers) {
		used[l.Offer].CPUs += one.CPUs
		used[l.Offer].Mem += one.Mem
		if l.WithTracker {
			used[l.Offer].Mem += options.TaskTracker.Mem
		}
		if slices.Contains(attempts, l.Attempt) || !tracker.Running(l.Attempt) {
			t.Fatalf("%s placed twice or not running", l.Attempt)
		}
		attempts = append(attempts, l.Attempt)
	}
	for i, u := range used {
		if u.CPUs > offers[i].Free.CPUs || u.Mem > offers[i].Free.Mem {
			t.Fatalf("offer %d has %v, but %v was used", i, offers[i].Free, u)
		}
		rest := offers[i]
		rest.Free = jobtracker.Cost{CPUs: rest.Free.CPUs - u.CPUs, Mem: rest.Free.Mem - u.Mem}
		rest.Tracker = u != jobtracker.Cost{}
		if more := tracker.Place([]jobtracker.Offer{rest}); len(more) > 0 {
			t.Fatalf("%s could have been placed on what was left of offer %d", more[0].Attempt, i)
		}
	}
	return attempts
}
