package runtime

import (
	"fmt"
	"os"
	"reflect"
	goruntime "runtime"
	"runtime/debug"
	"strings"
)

// Panic describes what ended a node: a panic in an actor, or in a function that one gave away. Actors are never
// restarted, because what they knew is lost or half changed.
type Panic struct {
	Actor  PID    // on whose turn it happened; zero if on none
	Where  string // if on no turn: which function it was, and which actor it has to do with
	Reason any
	Stack  []byte
	Recent []string // the actor's latest events, oldest first; the last one is where it happened
}

// Summary is what happened in one line.
func (p Panic) Summary() string { return fmt.Sprintf("panic in %s: %v", p.where(), p.Reason) }

func (p Panic) where() string {
	if p.Where != "" {
		return p.Where
	}
	return "actor " + p.Actor.String()
}

// String is what is printed about it.
func (p Panic) String() string {
	var b strings.Builder
	fmt.Fprintln(&b, p.Summary())
	if len(p.Recent) > 0 {
		fmt.Fprintln(&b, "its latest events, oldest first:")
	}
	for _, line := range p.Recent {
		fmt.Fprintf(&b, "\t%s\n", line)
	}
	fmt.Fprintf(&b, "\n%s\n", p.Stack)
	return b.String()
}

// exitProgram is what a panic does by default.
func exitProgram(p Panic) {
	fmt.Fprint(os.Stderr, p.String())
	os.Exit(2)
}

// caught, deferred, turns a panic into the end of the node. So it does when a turn ends its goroutine.
func (a *Actor) caught(returned *bool) {
	if *returned {
		return
	}
	p := Panic{Actor: a.self, Reason: recover(), Recent: a.past.lines()}
	exited := p.Reason == nil
	if exited {
		p.Reason = goexit
	}
	if s, ok := p.Reason.(*stray); ok {
		p = Panic{Where: s.where + ", called on a turn of actor " + a.self.String(), Reason: s.reason}
	}
	p.Stack = debug.Stack()
	a.node.fail(p, exited)
}

// past is the actor's latest events: it grows with what the actor does, up to pastEvents.
type past struct {
	events []pastEvent
	count  uint
}

const pastEvents = 16

type pastEvent struct {
	kind Kind
	from PID
	name string
	code uintptr
}

// remember notes the event for the report of a panic: a message by its name, a call by its code.
func (a *Actor) remember(it *item, name string, code uintptr) {
	if a.past == nil {
		a.past = &past{}
	}
	p := a.past
	if len(p.events) < pastEvents {
		p.events = append(p.events, pastEvent{})
	}
	e := &p.events[p.count%pastEvents]
	p.count++
	e.kind, e.from, e.name, e.code = it.kind, it.from, name, code
}

func (p *past) lines() []string {
	if p == nil {
		return []string{OnStart.String()}
	}
	var lines []string
	for i := p.count - min(p.count, pastEvents); i < p.count; i++ {
		lines = append(lines, p.events[i%pastEvents].String())
	}
	return lines
}

// String is the event's line.
func (e *pastEvent) String() string {
	name := e.name
	if e.code != 0 {
		name = funcName(e.code)
	}
	line := strings.TrimSpace(e.kind.String() + " " + name)
	if !e.from.IsZero() {
		line += " from " + e.from.String()
	}
	return line
}

// entryOf is the entry of a function.
func entryOf(f any) uintptr { return reflect.ValueOf(f).Pointer() }

// funcName names the function that starts at entry, without its package's path: master.(*Master).offer.
func funcName(entry uintptr) string {
	f := goruntime.FuncForPC(entry)
	if f == nil {
		return ""
	}
	name := f.Name()
	return name[strings.LastIndexByte(name, '/')+1:]
}
