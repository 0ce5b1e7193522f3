package health_test

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/health"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

// prober answers each check with the next of results: a number, true or false, "transient" as also at
// their end, "broken", or "never".
type prober struct {
	results string
	asked   []string
}

func (p *prober) next(what string) (string, bool) {
	p.asked = append(p.asked, what)
	next, rest, _ := strings.Cut(p.results, " ")
	p.results = rest
	return next, next != "never"
}

func answer[T any](p *prober, what string, parse func(string) (T, error)) runtime.Future[T] {
	next, ever := p.next(what)
	switch {
	case !ever:
		return runtime.NewPromise[T]().Future()
	case next == "" || next == "transient":
		return runtime.Failed[T](fmt.Errorf("the agent is away: %w", health.ErrTransient))
	case next == "broken":
		return runtime.Failed[T](errors.New("broken"))
	}
	v, err := parse(next)
	if err != nil {
		return runtime.Failed[T](err)
	}
	return runtime.Ready(v)
}

func (p *prober) Command(_ runtime.Behavior, c *mesospb.CommandInfo) runtime.Future[int] {
	return answer(p, c.GetValue(), strconv.Atoi)
}

func (p *prober) Get(_ runtime.Behavior, url string) runtime.Future[int] {
	return answer(p, url, strconv.Atoi)
}

func (p *prober) Connect(_ runtime.Behavior, address string) runtime.Future[bool] {
	return answer(p, address, strconv.ParseBool)
}

// told is what a checker says, with the second in which it does.
type told struct {
	*sim.World
	start time.Time
	lines []string
}

func (t *told) add(format string, args ...any) {
	at := t.Now().Sub(t.start).Round(time.Millisecond)
	t.lines = append(t.lines, at.String()+" "+fmt.Sprintf(format, args...))
}

func (t *told) verdict(v health.Verdict) {
	switch {
	case v.Healthy:
		t.add("healthy")
	case v.Kill:
		t.add("failure %d, kill", v.Failures)
	default:
		t.add("failure %d", v.Failures)
	}
}

func (t *told) want(tb testing.TB, lines ...string) {
	tb.Helper()
	if got, want := strings.Join(t.lines, "\n"), strings.Join(lines, "\n"); got != want {
		tb.Errorf("told\n%s\nwant\n%s", got, want)
	}
}

func newWorld(t *testing.T) (*told, *runtime.Node) {
	w := sim.New(1)
	t.Cleanup(func() { runtimetest.End(t, w) })
	return &told{World: w, start: w.Now()}, w.Node("10.0.0.3:1")
}

func healthCheck() *mesospb.HealthCheck {
	return &mesospb.HealthCheck{
		Type: mesospb.HealthCheck_HTTP.Enum(), Http: &mesospb.HealthCheck_HTTPCheckInfo{Port: proto.Uint32(80), Path: proto.String("/ok")},
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, results string
		change        func(*mesospb.HealthCheck)
		want          []string
	}{
		{"it turns healthy once, after 15s", "200 302 200", nil, []string{"15s healthy"}},
		{"three failures in a row are too many", "200 500 404 broken", nil,
			[]string{"15s healthy", "25s failure 1", "35s failure 2", "45s failure 3, kill"}},
		{"a success makes up for failures", "500 500 200 500", nil,
			[]string{"15s failure 1", "25s failure 2", "35s healthy", "45s failure 1"}},
		{"failures do not count in the grace period", "500 500 500 200 500", func(h *mesospb.HealthCheck) {
			h.DelaySeconds, h.GracePeriodSeconds = proto.Float64(1), proto.Float64(20)
		}, []string{"21s failure 1", "31s healthy", "41s failure 1"}},
		{"after the first success there is no grace", "200 500", func(h *mesospb.HealthCheck) {
			h.DelaySeconds, h.GracePeriodSeconds = proto.Float64(1), proto.Float64(100)
		}, []string{"1s healthy", "11s failure 1"}},
		{"one that takes too long has failed", "never 200", nil, []string{"35s failure 1", "45s healthy"}},
		{"one that could not be performed says nothing", "transient 200", nil, []string{"25s healthy"}},
		{"one failure may be too many", "500", func(h *mesospb.HealthCheck) { h.ConsecutiveFailures = proto.Uint32(1) },
			[]string{"15s failure 1, kill"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			told, node := newWorld(t)
			h := healthCheck()
			if c.change != nil {
				c.change(h)
			}
			p := &prober{results: c.results}
			_, err := health.SpawnHealth(node, h, p, told.verdict)
			if err != nil {
				t.Fatal(err)
			}
			told.Advance(50 * time.Second)
			told.want(t, c.want...)
			if p.asked[0] != "http://127.0.0.1:80/ok" {
				t.Errorf("asked for %s", p.asked[0])
			}
		})
	}
}

func TestChecksTellWhatChanges(t *testing.T) {
	t.Parallel()
	port := proto.Uint32(80)
	for _, c := range []struct {
		info    *mesospb.CheckInfo
		results string
		asked   string
		want    []string
	}{
		{&mesospb.CheckInfo{
			Type:    mesospb.CheckInfo_COMMAND.Enum(),
			Command: &mesospb.CheckInfo_Command{Command: &mesospb.CommandInfo{Value: proto.String("test")}},
		}, "0 0 3 broken", "test", []string{
			`15s {"type":"COMMAND","command":{"exit_code":0}}`, `35s {"type":"COMMAND","command":{"exit_code":3}}`,
			`45s {"type":"COMMAND","command":{}}`,
		}},
		{&mesospb.CheckInfo{Type: mesospb.CheckInfo_HTTP.Enum(), Http: &mesospb.CheckInfo_Http{Port: port}},
			"broken 500", "http://127.0.0.1:80", []string{`25s {"type":"HTTP","http":{"status_code":500}}`}},
		{&mesospb.CheckInfo{Type: mesospb.CheckInfo_TCP.Enum(), Tcp: &mesospb.CheckInfo_Tcp{Port: port}},
			"false true", "127.0.0.1:80", []string{`15s {"type":"TCP","tcp":{"succeeded":false}}`, `25s {"type":"TCP","tcp":{"succeeded":true}}`}},
	} {
		t.Run(c.info.GetType().String(), func(t *testing.T) {
			t.Parallel()
			told, node := newWorld(t)
			p := &prober{results: c.results}
			_, err := health.Spawn(node, c.info, p, func(s *mesospb.CheckStatusInfo) {
				told.add("%s", mesosjson.Marshal(s))
			})
			if err != nil {
				t.Fatal(err)
			}
			told.Advance(50 * time.Second)
			told.want(t, c.want...)
			if p.asked[0] != c.asked {
				t.Errorf("asked for %s", p.asked[0])
			}
		})
	}
}

// While it is paused nothing is checked, and what was under way does not count; afterwards it goes on at once.
func TestPause(t *testing.T) {
	t.Parallel()
	told, node := newWorld(t)
	p := &prober{results: "never 200 500"}
	c, err := health.SpawnHealth(node, healthCheck(), p, func(v health.Verdict) { told.add("%v", v.Healthy) })
	if err != nil {
		t.Fatal(err)
	}
	told.Advance(20 * time.Second)
	runtime.Tell(c, (*health.Checker).Pause)
	told.Advance(time.Hour)
	runtime.Tell(c, (*health.Checker).Resume)
	told.Advance(9 * time.Second)
	node.Terminate(c.PID())
	told.Advance(time.Hour)
	told.want(t, "1h0m20s true")
	if len(p.asked) != 2 {
		t.Errorf("asked %d times", len(p.asked))
	}
}

// A task may ask for times that no clock has.
func TestTimesOutOfRange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*mesospb.HealthCheck, *float64)
		asked  int
		want   []string
	}{
		"interval": {func(h *mesospb.HealthCheck, s *float64) { h.IntervalSeconds = s }, 1, []string{"15s healthy"}},
		"delay":    {func(h *mesospb.HealthCheck, s *float64) { h.DelaySeconds = s }, 0, nil},
		"timeout":  {func(h *mesospb.HealthCheck, s *float64) { h.TimeoutSeconds = s }, 3, []string{"15s healthy", "35s failure 1"}},
		"grace":    {func(h *mesospb.HealthCheck, s *float64) { h.GracePeriodSeconds = s }, 3, []string{"15s healthy", "35s failure 1"}},
	} {
		for _, s := range []float64{1e10, 1e300, math.Inf(1)} {
			told, node := newWorld(t)
			h := healthCheck()
			c.change(h, &s)
			p := &prober{results: "200 200 500 never"}
			if _, err := health.SpawnHealth(node, h, p, told.verdict); err != nil {
				t.Fatal(err)
			}
			told.Advance(40 * time.Second)
			told.want(t, c.want...)
			if len(p.asked) != c.asked {
				t.Errorf("%s of %v s: asked %d times in 40 s, want %d", name, s, len(p.asked), c.asked)
			}
		}
	}
}

// What is there on the network is found, and what is not there as well.
// A check that was under way when its task was paused does not go on beside the one that follows.
func TestPauseWhileChecking(t *testing.T) {
	t.Parallel()
	w, n := newWorld(t)
	p := &prober{results: "never 200 200 200 200 200"}
	h := healthCheck()
	h.TimeoutSeconds = proto.Float64(5)
	c, err := health.SpawnHealth(n, h, p, func(v health.Verdict) { w.add("%v", v) })
	if err != nil {
		t.Fatal(err)
	}
	w.Advance(16 * time.Second)
	runtime.Tell(c, (*health.Checker).Pause)
	runtime.Tell(c, (*health.Checker).Resume)
	w.Advance(25 * time.Second) // at 16s, 26s and 36s
	if len(p.asked) != 4 {
		t.Errorf("checked %d times, want 4", len(p.asked))
	}
	w.want(t, "16s {true 0 false}")
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("this is not gzip")) // what is in a body does not count
	}))
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	n, err := runtime.NewNode(runtime.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer runtimetest.Close(t, n)
	found := make(chan string, 10)
	at := proto.Uint32(uint32(number))
	for _, info := range []*mesospb.CheckInfo{
		{Type: mesospb.CheckInfo_HTTP.Enum(), Http: &mesospb.CheckInfo_Http{Port: at, Path: proto.String("/tea")}},
		{Type: mesospb.CheckInfo_TCP.Enum(), Tcp: &mesospb.CheckInfo_Tcp{Port: at}},
	} {
		info.DelaySeconds = proto.Float64(0)
		_, err := health.Spawn(n, info, network{}, func(s *mesospb.CheckStatusInfo) {
			found <- fmt.Sprint(s.GetHttp().GetStatusCode(), s.GetTcp().GetSucceeded())
		})
		if err != nil {
			t.Fatal(err)
		}
		want := map[mesospb.CheckInfo_Type]string{mesospb.CheckInfo_HTTP: "418 false", mesospb.CheckInfo_TCP: "0 true"}[info.GetType()]
		select {
		case got := <-found:
			if got != want {
				t.Errorf("found %s, want %s", got, want)
			}
		case <-t.Context().Done():
			t.Fatal("nothing was found")
		}
	}
}

// asker is an actor that asks a task.
type asker struct{ runtime.Actor }

func (a *asker) get(url string) runtime.Future[int] { return health.Network{}.Get(a, url) }

// A task that begins to answer, and breaks off, has not answered.
func TestAnswersCountWhenTheyAreWhole(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("this is where it ends"))
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == "/whole" {
			_, _ = w.Write(make([]byte, 1000-len("this is where it ends")))
			return
		}
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(server.Close)
	agent := runtimetest.Spawn(t, runtimetest.Node(t), "asker", &asker{})
	for path, answered := range map[string]bool{"/whole": true, "/broken": false} {
		status, err := runtimetest.Wait(t, runtime.Ask(agent, (*asker).get, server.URL+path))
		if (err == nil) != answered || answered && status != http.StatusOK {
			t.Errorf("%s: %d, %v", path, status, err)
		}
	}
}

// network runs no commands.
type network struct{ health.Network }

func (network) Command(runtime.Behavior, *mesospb.CommandInfo) runtime.Future[int] {
	return runtime.Failed[int](health.ErrTransient)
}
