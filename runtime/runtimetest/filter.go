package runtimetest

import (
	"reflect"
	goruntime "runtime"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/runtime"
)

// FutureMessage completes with the next message of type M that is queued on n. from and to may be zero, which is
// anybody.
func FutureMessage[M proto.Message](n *runtime.Node, from, to runtime.PID) runtime.Future[M] {
	return next(n, messages[M](from, to), messageOf[M], true)
}

// DropMessage is FutureMessage of a message that is not delivered; the ones after it are.
func DropMessage[M proto.Message](n *runtime.Node, from, to runtime.PID) runtime.Future[M] {
	return next(n, messages[M](from, to), messageOf[M], false)
}

// DropMessages drops all messages of type M, until stop is called.
func DropMessages[M proto.Message](n *runtime.Node, from, to runtime.PID) (stop func()) {
	match := messages[M](from, to)
	return n.Filter(func(a runtime.Arrival) bool { return !match(a) })
}

// FutureCall completes with the name of the actor for which [runtime.Call] of method is queued next on n. method is a
// method expression, (*Allocator).AddAgent.
func FutureCall(n *runtime.Node, method any) runtime.Future[string] {
	return next(n, calls(method), callee, true)
}

// DropCall is FutureCall of a call that is not made; its future fails with [runtime.ErrDiscarded].
func DropCall(n *runtime.Node, method any) runtime.Future[string] {
	return next(n, calls(method), callee, false)
}

// next completes with the first arrival that matches, and keeps or drops it.
func next[T any](n *runtime.Node, match func(runtime.Arrival) bool, value func(runtime.Arrival) T, keep bool) runtime.Future[T] {
	p := runtime.NewPromise[T]()
	remove := n.Filter(func(a runtime.Arrival) bool {
		if !match(a) || !p.Set(value(a)) {
			return true
		}
		return keep
	})
	p.Future().OnAny(func(T, error) { remove() })
	return p.Future()
}

func messages[M proto.Message](from, to runtime.PID) func(runtime.Arrival) bool {
	return func(a runtime.Arrival) bool {
		_, ok := a.Message.(M)
		return ok && (from.IsZero() || from == a.From) && (to.IsZero() || to == a.To)
	}
}

func messageOf[M proto.Message](a runtime.Arrival) M { return a.Message.(M) }

func calls(method any) func(runtime.Arrival) bool {
	name := goruntime.FuncForPC(reflect.ValueOf(method).Pointer()).Name()
	name = name[strings.LastIndexByte(name, '/')+1:]
	return func(a runtime.Arrival) bool { return a.Kind == runtime.OnCall && a.Name == name }
}

func callee(a runtime.Arrival) string { return a.To.ID }
