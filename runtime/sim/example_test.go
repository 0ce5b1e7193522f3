package sim_test

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/sim"
)

// A Register keeps the latest value that it is sent.
type Register struct {
	runtime.Actor
	value string
}

func (r *Register) Initialize() {
	runtime.Install(r, func(_ runtime.PID, m *wrapperspb.StringValue) { r.value = m.GetValue() })
}

// A Writer sends one value.
type Writer struct {
	runtime.Actor
	to    runtime.PID
	value string
}

func (w *Writer) Initialize() { w.Send(w.to, wrapperspb.String(w.value)) }

// race lets two nodes write to a third. It returns what is there in the end, and the conversation.
func race(seed uint64) (value, log string) {
	w := sim.New(seed)
	register := &Register{}
	ref, err := runtime.Spawn(w.Node("10.0.0.1:1"), "register", register)
	if err != nil {
		panic(err)
	}
	for i, addr := range []string{"10.0.0.2:1", "10.0.0.3:1"} {
		if _, err := runtime.Spawn(w.Node(addr), "writer", &Writer{to: ref.PID(), value: fmt.Sprint("value ", i+1)}); err != nil {
			panic(err)
		}
	}
	w.Advance(time.Second)
	return register.value, w.Log()
}

// A test expects that the second writer wins, and fails for some seeds only. Such a seed replays the failure, message by
// message, as often as one likes.
func Example() {
	for seed := uint64(1); ; seed++ {
		value, log := race(seed)
		if value == "value 2" {
			continue
		}
		again, sameLog := race(seed)
		fmt.Println("fails with", value)
		fmt.Println("fails again:", again == value && sameLog == log)
		return
	}
	// Output:
	// fails with value 1
	// fails again: true
}
