package tracing_test

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"meseta/cmd/internal/tracing"
)

// paper is what a command prints.
type paper struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

// next is what was printed since the last call.
func (p *paper) next() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.text.Reset()
	return p.text.String()
}

// node lets a node of c answer, which remembers text. What is written to live happens there.
func (c *cluster) node(addr, text string) (live *io.PipeWriter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[addr] = text
	c.live[addr], live = io.Pipe()
	return live
}

// lines returns the lines of text with these numbers, each of them ended.
func lines(text string, numbers ...int) string {
	all := strings.Split(text, "\n")
	var some string
	for _, n := range numbers {
		some += all[n] + "\n"
	}
	return some
}

// running is a command that runs until it is cancelled.
type running struct {
	t        *testing.T
	out, err paper
	cancel   context.CancelFunc
	ended    chan error
}

func follow(t *testing.T, c *cluster, args ...string) *running {
	r := &running{t: t, ended: make(chan error, 1)}
	cmd := tracing.TraceCommand(c, &r.out, &r.err)
	if args[0] == "tap" {
		cmd = tracing.ActorCommand(c, &r.out, &r.err)
	}
	cmd.PersistentFlags().StringP("output", "o", "table", "of all commands")
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(args)
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(t.Context())
	go func() { r.ended <- cmd.ExecuteContext(ctx) }()
	return r
}

// expect waits until what happens is printed, and compares what was printed since the last call.
func (r *running) expect(when, out, err string) {
	r.t.Helper()
	time.Sleep(time.Second)
	synctest.Wait()
	if diff := cmp.Diff(out, r.out.next()); diff != "" {
		r.t.Errorf("%s: %s", when, diff)
	}
	if diff := cmp.Diff(err, r.err.next()); diff != "" {
		r.t.Errorf("%s, errors: %s", when, diff)
	}
}

// stop interrupts the command.
func (r *running) stop() error {
	r.cancel()
	return <-r.ended
}

// Nodes that go are missed, nodes that come are found, and nothing is printed twice.
func TestNodesAreFollowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const (
			call    = "00:00:01.000000  enqueue message f@10.0.0.3:1 → master@10.0.0.1:5050  Call\n"
			handled = "00:00:02.000000  deliver message f@10.0.0.3:1 → master@10.0.0.1:5050  Call\n"
			run     = "00:00:02.000000  send            master@10.0.0.1:5050 → slave(1)@10.0.0.2:5051  RunTaskMessage\n"
			arrived = "00:00:03.000000  enqueue message master@10.0.0.1:5050 → slave(1)@10.0.0.2:5051  RunTaskMessage\n"
		)
		c := &cluster{nodes: map[string]string{}, live: map[string]io.ReadCloser{}}
		text := remembered[master]
		live := c.node(master, lines(text, 0))
		r := follow(t, c, "task", "t", "--follow", "--since=10m")
		r.expect("at first", call, "mesos: incomplete, because "+agent+" does not answer: connection refused\nmesos: a peer without a trace: "+driver+"\n")

		io.WriteString(live, lines(text, 0, 1)) //nolint:errcheck // a pipe
		r.expect("one is known already", handled, "")

		io.WriteString(live, `{"end":"it lags"}`+"\n") //nolint:errcheck // a pipe
		r.expect("at the end of a stream", "", "mesos: "+master+" tells no more: it lags\n")
		c.node(master, lines(text, 2))
		onAgent := c.node(agent, "")
		time.Sleep(10 * time.Second)
		r.expect("when both are back", run, "")
		io.WriteString(onAgent, remembered[agent]+"\n") //nolint:errcheck // a pipe
		r.expect("of one that came", arrived, "")
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		asked := map[string]bool{}
		for _, a := range c.asked {
			asked[a] = true
		}
		for _, want := range []string{
			master + "/trace?about=task%3At&follow=true", master + "/trace?about=task%3At&since=10m0s",
			master + "/trace?about=task%3At&after=000000000000000a0000000000000002", driver + "/trace?about=task%3At&follow=true",
		} {
			if !asked[want] {
				t.Errorf("it did not ask %s, but %q", want, c.asked)
			}
		}
	})
}

// A node that is reached by two addresses is followed by one of them, and by the other when that fails.
func TestANodeWithTwoAddressesIsFollowedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{nodes: map[string]string{}, live: map[string]io.ReadCloser{}}
		text := remembered[master]
		first, second := c.node(master, lines(text, 0)), c.node(agent, lines(text, 0))
		r := follow(t, c, "task", "t", "--follow")
		time.Sleep(time.Second)
		if n := strings.Count(r.out.next(), "\n"); n != 1 {
			t.Errorf("%d events", n)
		}
		r.err.next() // the driver has no trace
		followed := 0
		for _, live := range []*io.PipeWriter{first, second} {
			if _, err := live.Write([]byte(lines(text, 1))); err == nil {
				followed++
				live.Close()
			}
		}
		if followed != 1 {
			t.Errorf("%d are followed", followed)
		}
		c.node(master, lines(text, 2))
		c.node(agent, lines(text, 2))
		time.Sleep(20 * time.Second)
		if got := r.out.next(); strings.Count(got, "deliver") != 1 || strings.Count(got, "send") != 1 {
			t.Errorf("afterwards:\n%s", got)
		}
		if asked := strings.Join(c.asked, " "); !strings.Contains(asked, "after=000000000000000a0000000000000002") {
			t.Errorf("it asked %s", asked)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

// Nodes choose by all that is asked for, because what led to an event is not needed to print it.
func TestNodesChooseWhatIsFollowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{nodes: map[string]string{}, live: map[string]io.ReadCloser{}}
		c.node(master, "")
		r := follow(t, c, "task", "t", "--follow", "--actor=m*", "--message=Run*")
		r.expect("at first", "", "mesos: incomplete, because "+agent+" does not answer: connection refused\n")
		if want := master + "/trace?about=task%3At&actor=m%2A&follow=true&message=Run%2A"; !slices.Contains(c.asked, want) {
			t.Errorf("it asked %q; want %s", c.asked, want)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

// With -o json, programs read what happens, and so they do with --json.
func TestEventsAreFollowedAsJSON(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sent := lines(remembered[master], 2)
		for _, args := range [][]string{{"task", "t", "--follow", "--json"}, {"task", "t", "-f", "-o", "json"}} {
			c := &cluster{nodes: map[string]string{agent: ""}, live: map[string]io.ReadCloser{}}
			live := c.node(master, lines(remembered[agent], 0))
			c.node(agent, "")
			r := follow(t, c, args...)
			r.expect("at first", lines(remembered[agent], 0), "")
			io.WriteString(live, sent) //nolint:errcheck // a pipe
			r.expect("afterwards", sent, "")
			if err := r.stop(); err != nil {
				t.Error(err)
			}
		}
		c := &cluster{nodes: map[string]string{}, live: map[string]io.ReadCloser{}}
		live := c.node(master, `[{"pid":"master@10.0.0.1:5050"}]`)
		r := follow(t, c, "tap", "master@10.0.0.1:5050", "-o", "json")
		io.WriteString(live, sent) //nolint:errcheck // a pipe
		r.expect("what it says", sent, "")
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestNobodyToFollow(t *testing.T) {
	t.Parallel()
	_, _, err := run(t, &cluster{}, "task", "t", "--follow")
	if want := "no node answers: " + master + " (connection refused), " + agent + " (connection refused)"; err == nil || err.Error() != want {
		t.Errorf("%v; want %s", err, want)
	}
}

func TestTap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{nodes: map[string]string{}, live: map[string]io.ReadCloser{}}
		live := c.node(master, `[{"pid":"master@10.0.0.1:5050"}]`)
		r := follow(t, c, "tap", "master@10.0.0.1:5050")
		r.expect("at first", "", "")
		others := strings.ReplaceAll(lines(remembered[master], 0), "master@", "nobody@")
		const timer = `{"id":"000000000000000a00000000000000ff","time":"1970-01-01T00:00:03Z","event":"enqueue","what":"timer","to":"master@10.0.0.1:5050","name":"ping"}` + "\n"
		io.WriteString(live, others+lines(remembered[master], 2)+timer) //nolint:errcheck // a pipe
		r.expect("what it says", "00:00:02.000000  send            master@10.0.0.1:5050 → slave(1)@10.0.0.2:5051  RunTaskMessage\n", "")
		live.Close()
		if err := <-r.ended; err == nil || err.Error() != master+" tells no more: the connection ended" {
			t.Error(err)
		}

		none := follow(t, c, "tap", "nobody@10.0.0.1:5050")
		if err := <-none.ended; err == nil || !strings.Contains(err.Error(), "there is no actor nobody@10.0.0.1:5050") {
			t.Error(err)
		}
		live = c.node(master, `[{"pid":"master@10.0.0.1:5050"}]`)
		again := follow(t, c, "tap", "master@10.0.0.1:5050", "--all")
		io.WriteString(live, timer+lines(remembered[master], 2)) //nolint:errcheck // a pipe
		again.expect("all that happens", "00:00:03.000000  enqueue timer   master@10.0.0.1:5050  ping\n"+
			"00:00:02.000000  send            master@10.0.0.1:5050 → slave(1)@10.0.0.2:5051  RunTaskMessage\n", "")
		if err := again.stop(); err != nil {
			t.Errorf("interrupted: %v", err)
		}
	})
}
