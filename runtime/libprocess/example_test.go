package libprocess_test

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/libprocess"
)

// A Greeter answers names with greetings.
type Greeter struct{ runtime.Actor }

func (g *Greeter) Initialize() {
	runtime.Install(g, func(_ runtime.PID, name *wrapperspb.StringValue) {
		g.Reply(wrapperspb.String("hello, " + name.GetValue()))
	})
}

// A Guest gives its name, and passes on what it is told.
type Guest struct {
	runtime.Actor
	greeter runtime.PID
	told    chan string
}

func (g *Guest) Initialize() {
	runtime.Install(g, func(_ runtime.PID, m *wrapperspb.StringValue) { g.told <- m.GetValue() })
	g.Link(g.greeter)
	g.Send(g.greeter, wrapperspb.String("guest"))
}

func (g *Guest) Exited(pid runtime.PID) { g.told <- pid.ID + " is gone" }

// start makes a node that others reach on a free port of this machine. The wire is closed with it.
func start() *runtime.Node {
	wire, err := libprocess.Listen(libprocess.Options{Address: "127.0.0.1:0"})
	if err != nil {
		panic(err)
	}
	node, err := runtime.NewNode(runtime.Options{Wire: wire})
	if err != nil {
		panic(err)
	}
	return node
}

// Two nodes on one machine. A PID is all that one has to know of an actor on the other.
func Example() {
	here, there := start(), start()
	greeter, err := runtime.Spawn(there, "greeter", &Greeter{})
	if err != nil {
		panic(err)
	}
	told := make(chan string, 2)
	if _, err := runtime.Spawn(here, "guest", &Guest{greeter: greeter.PID(), told: told}); err != nil {
		panic(err)
	}
	fmt.Println(<-told)
	there.Close(context.Background())
	fmt.Println(<-told)
	here.Close(context.Background())
	// Output:
	// hello, guest
	// greeter is gone
}
