package decorate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/hooks"
	"meseta/master/book"
	"meseta/master/decorate"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
)

// clock is one on which time passes only by leaps.
type clock struct {
	mu     sync.Mutex
	booked []func()
}

func (c *clock) Now() time.Time { return time.Unix(1e9, 0) }

func (c *clock) AfterFunc(_ time.Duration, f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	over := false
	c.booked = append(c.booked, func() {
		c.mu.Lock()
		was := over
		over = true
		c.mu.Unlock()
		if !was {
			f()
		}
	})
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		was := over
		over = true
		return !was
	}
}

// leap lets so much time pass that all timers expire.
func (c *clock) leap() {
	c.mu.Lock()
	due := c.booked
	c.booked = nil
	c.mu.Unlock()
	for _, f := range due {
		f()
	}
}

// master is an actor with a framework whose launches hooks look at.
type master struct {
	runtime.Actor
	hooks     *hooks.Hooks
	decorator *decorate.Decorator
	framework *book.Framework
	did       []string // in order
}

const (
	id = ids.Framework("f")
	mb = 1 << 20
)

func (m *master) Initialize() {
	known := book.New(book.Limits{})
	a := book.NewAgent(&mesospb.SlaveInfo{Id: ids.Agent("a").Proto()}, runtime.PID{ID: "a", Addr: "10.0.0.1:1"})
	m.framework = book.NewFramework(&mesospb.FrameworkInfo{Id: id.Proto(), Name: proto.String("f")})
	known.AddAgent(a)
	known.AddFramework(m.framework)
	known.AddOffer(&book.Offer{ID: "o", Framework: id, Agent: "a"})
	m.decorator = decorate.New(&m.Actor, known, m.hooks)
}

// accept has the framework launch a task called name.
func (m *master) accept(name string) {
	call := &schedulerpb.Call_Accept{
		OfferIds: []*mesospb.OfferID{ids.Offer("o").Proto()}, Operations: []*mesospb.Offer_Operation{{
			Launch: &mesospb.Offer_Operation_Launch{TaskInfos: []*mesospb.TaskInfo{{TaskId: ids.Task(name).Proto()}}},
		}},
	}
	m.decorator.Accept(m.framework, call, func(_ *book.Framework, c *schedulerpb.Call_Accept, labels decorate.Labels) {
		m.did = append(m.did, fmt.Sprintf("launches %s, decorated %t", c.GetOperations()[0].GetLaunch().GetTaskInfos()[0].GetTaskId().GetValue(), labels[ids.Task(name)] != nil))
	})
}

// call has the framework make a call of a size, in bytes.
func (m *master) call(name string, size int) error {
	call := &schedulerpb.Call{Message: &schedulerpb.Call_Message{Data: make([]byte, size)}}
	return m.decorator.Handle(id, call, func() { m.did = append(m.did, name) })
}

// turn runs f on the master's turn, and waits for it.
func turn(t *testing.T, ref runtime.Ref[*master], f func(*master)) {
	t.Helper()
	done := make(chan struct{})
	runtime.Tell(ref, func(m *master) {
		f(m)
		close(done)
	})
	<-done
}

// hanging starts a master whose hook hangs when it is asked about the task "slow", until its context ends. It says so
// before.
func hanging(t *testing.T) (ref runtime.Ref[*master], c *clock, hangs chan struct{}) {
	t.Helper()
	c, hangs = &clock{}, make(chan struct{})
	h := &hooks.Hooks{}
	err := h.Add("h", hooks.Hook{
		MasterLaunchTaskLabelDecorator: func(ctx context.Context, task *mesospb.TaskInfo, _ *mesospb.FrameworkInfo, _ *mesospb.SlaveInfo) (*mesospb.Labels, error) {
			if task.GetTaskId().GetValue() == "slow" {
				close(hangs)
				<-ctx.Done()
			}
			return &mesospb.Labels{}, ctx.Err()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	n := runtimetest.Node(t, func(o *runtime.Options) { o.Clock = c })
	return runtimetest.Spawn(t, n, "master", &master{hooks: h}), c, hangs
}

// settled waits until no call of the framework waits.
func settled(t *testing.T, ref runtime.Ref[*master]) (did []string) {
	t.Helper()
	for waits := true; waits; {
		turn(t, ref, func(m *master) { waits, did = m.decorator.Waits(id), slices.Clone(m.did) })
	}
	return did
}

// A launch at which a hook hangs is carried out as it is when its time is over, and then what was said after it.
func TestAHookThatHangsChangesNothing(t *testing.T) {
	t.Parallel()
	ref, c, hangs := hanging(t)
	turn(t, ref, func(m *master) {
		m.accept("slow")
		for _, name := range []string{"one", "two"} {
			if err := m.call(name, 1); err != nil {
				t.Error(err)
			}
		}
		m.decorator.InOrder(id, func() { m.accept("fast") })
		m.decorator.InOrder(id, func() { m.did = append(m.did, "ends") })
	})
	<-hangs
	turn(t, ref, func(m *master) {
		if len(m.did) > 0 {
			t.Errorf("while the hook hangs, the master has done %q", m.did)
		}
	})
	c.leap()
	want := []string{"launches slow, decorated false", "one", "two", "launches fast, decorated true", "ends"}
	if got := settled(t, ref); !slices.Equal(got, want) {
		t.Errorf("the master has done %q, want %q", got, want)
	}
}

// What a framework says while a hook hangs is kept up to a bound. More is refused, its end is not.
func TestCallsThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	ref, c, hangs := hanging(t)
	var refused error
	kept := 0
	turn(t, ref, func(m *master) {
		m.accept("slow")
		for ; refused == nil && kept < 100; kept++ {
			refused = m.call("more", mb)
		}
		kept--
		m.decorator.InOrder(id, func() { m.did = append(m.did, "ends") })
	})
	<-hangs
	if kept != 15 || refused == nil || !strings.HasSuffix(refused.Error(), " bytes of calls wait for hooks") {
		t.Errorf("%d MB are kept, and then: %v", kept, refused)
	}
	c.leap()
	if got := settled(t, ref); len(got) != kept+2 || got[kept+1] != "ends" {
		t.Errorf("the master has done %q", got)
	}
	turn(t, ref, func(m *master) { // there is room again
		if err := m.call("late", 100*mb); err != nil {
			t.Error(err)
		}
	})
}
