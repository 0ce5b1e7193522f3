package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/sim"
)

// A Counter adds what it is sent, and answers with the sum.
type Counter struct {
	runtime.Actor
	sum int64
}

func (c *Counter) Initialize() { runtime.Install(c, c.add) }

func (c *Counter) add(from runtime.PID, m *wrapperspb.Int64Value) {
	c.sum += m.GetValue()
	c.Reply(wrapperspb.Int64(c.sum))
}

// Sum is for those on the same node.
func (c *Counter) Sum() int64 { return c.sum }

// Add is, too.
func (c *Counter) Add(x int64) int64 {
	c.sum += x
	return c.sum
}

// A User counts on a Counter, which may be anywhere.
type User struct {
	runtime.Actor
	counter runtime.PID
}

func (u *User) Initialize() {
	runtime.Install(u, u.counted)
	u.Link(u.counter)
	for i := range int64(3) {
		u.Send(u.counter, wrapperspb.Int64(i+1))
	}
}

func (u *User) counted(from runtime.PID, m *wrapperspb.Int64Value) {
	fmt.Println(from.ID, "says", m.GetValue())
}

func (u *User) Exited(pid runtime.PID) { fmt.Println(pid.ID, "is gone") }

// Two actors on two nodes. The nodes are simulated, which only shows in how they are made.
func Example() {
	w := sim.New(1)
	here, there := w.Node("10.0.0.1:5050"), w.Node("10.0.0.2:5050")
	counter, err := runtime.Spawn(there, "counter", &Counter{})
	if err != nil {
		panic(err)
	}
	if _, err := runtime.Spawn(here, "user", &User{counter: counter.PID()}); err != nil {
		panic(err)
	}
	w.Advance(time.Second)
	w.Crash("10.0.0.2:5050")
	w.Advance(time.Second)
	// Output:
	// counter says 1
	// counter says 3
	// counter says 6
	// counter is gone
}

// On a real machine a node runs by itself. A main function, which is no actor, waits for results with Wait.
func ExampleNewNode() {
	n, err := runtime.NewNode(runtime.Options{}) // with a libprocess wire it would reach other machines
	if err != nil {
		panic(err)
	}
	defer n.Close(context.Background())
	counter, err := runtime.Spawn(n, "counter", &Counter{})
	if err != nil {
		panic(err)
	}
	sum, err := runtime.Wait(context.Background(), runtime.Call(counter, (*Counter).Add, 42))
	if err != nil {
		panic(err)
	}
	fmt.Println(sum)
	// Output: 42
}

// A Clerk asks a counter of its own node.
type Clerk struct {
	runtime.Actor
	counter runtime.Ref[*Counter]
	closed  bool
}

// Report shows how an actor waits for another: it does not; it continues later.
func (c *Clerk) Report() {
	sum := runtime.Dispatch(c.counter, (*Counter).Sum)
	sum = runtime.Within(c, sum, time.Second, errors.New("the counter does not answer"))
	runtime.Await(c, sum, func(v int64, err error) {
		if err != nil || c.closed { // the world moved on while we waited
			fmt.Println("no report:", err)
			return
		}
		fmt.Println("the sum is", v)
	})
	fmt.Println("asked")
}

func ExampleAwait() {
	w := sim.New(1)
	n := w.Node("10.0.0.1:5050")
	counter, _ := runtime.Spawn(n, "counter", &Counter{sum: 7})
	clerk, _ := runtime.Spawn(n, "clerk", &Clerk{counter: counter})
	runtime.Tell(clerk, (*Clerk).Report)
	w.Settle()
	n.Terminate(counter.PID())
	w.Settle()
	runtime.Tell(clerk, (*Clerk).Report)
	w.Settle()
	// Output:
	// asked
	// the sum is 7
	// asked
	// no report: runtime: the actor has terminated
}

func ExampleActor_Delay() {
	w := sim.New(1)
	a := &Clerk{}
	clerk, _ := runtime.Spawn(w.Node("10.0.0.1:5050"), "clerk", a)
	runtime.Tell(clerk, func(c *Clerk) {
		began := c.Now()
		c.Delay(time.Hour, func() { fmt.Println("after", c.Now().Sub(began)) })
		never := c.Delay(time.Minute, func() { fmt.Println("never") })
		never.Cancel()
	})
	w.Advance(24 * time.Hour) // at once
	// Output: after 1h0m0s
}

func ExampleGo() {
	w := sim.New(1)
	clerk, _ := runtime.Spawn(w.Node("10.0.0.1:5050"), "clerk", &Clerk{})
	runtime.Tell(clerk, func(c *Clerk) {
		page := runtime.Go(c, func(ctx context.Context) (string, error) {
			return "read from a slow disk", nil // off the turn; ctx ends when the clerk does
		})
		runtime.Await(c, page, func(text string, err error) { fmt.Println(text, err) })
	})
	w.Settle()
	// Output: read from a slow disk <nil>
}

func ExampleInstall() {
	w := sim.New(1)
	n := w.Node("10.0.0.1:5050")
	clerk := &Clerk{}
	ref, _ := runtime.Spawn(n, "clerk", clerk)
	runtime.Tell(ref, func(c *Clerk) {
		runtime.Install(c, func(from runtime.PID, _ *emptypb.Empty) {
			fmt.Println(from.ID, "has nothing to say")
		})
		c.Send(c.Self(), &emptypb.Empty{})
	})
	w.Settle()
	// Output: clerk has nothing to say
}
