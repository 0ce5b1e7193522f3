package main

import (
	"context"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/libprocess"
)

func node() (*runtime.Node, error) {
	wire, err := libprocess.Listen(libprocess.Options{})
	if err != nil {
		return nil, err
	}
	return runtime.NewNode(runtime.Options{Wire: wire})
}

// sink acknowledges every burst.
type sink struct {
	runtime.Actor
	burst, got int
}

func (s *sink) Initialize() { runtime.Install(s, s.message) }

func (s *sink) message(from runtime.PID, _ *wrapperspb.BytesValue) {
	if s.got++; s.got%s.burst == 0 {
		s.Send(from, wrapperspb.UInt32(uint32(s.burst)))
	}
}

func ourSink(burst int, tell func(string), until func()) error {
	n, err := node()
	if err != nil {
		return err
	}
	if _, err := runtime.Spawn(n, "sink", &sink{burst: burst}); err != nil {
		return err
	}
	tell(n.Addr())
	until()
	return n.Close(context.Background())
}

// source sends messages as acknowledgements arrive.
type source struct {
	runtime.Actor
	to                     runtime.PID
	message                *wrapperspb.BytesValue
	window, unsent, unread int
	done                   chan struct{}
}

func (s *source) Initialize() {
	runtime.Install(s, s.acknowledged)
	s.send(s.window)
}

func (s *source) send(n int) {
	for ; n > 0 && s.unsent > 0; n-- {
		s.unsent--
		s.Send(s.to, s.message)
	}
}

func (s *source) acknowledged(_ runtime.PID, n *wrapperspb.UInt32Value) {
	if s.unread -= int(n.Value); s.unread == 0 {
		close(s.done)
	}
	s.send(int(n.Value))
}

func ourSource(addr string, n, size int) error {
	here, err := node()
	if err != nil {
		return err
	}
	s := &source{
		to: runtime.PID{ID: "sink", Addr: addr}, message: payload(size),
		window: flowOf(size).window, unsent: n, unread: n, done: make(chan struct{}),
	}
	if _, err := runtime.Spawn(here, "source", s); err != nil {
		return err
	}
	<-s.done
	return here.Close(context.Background())
}

// payload returns a message that takes size bytes.
func payload(size int) *wrapperspb.BytesValue {
	framing := 2 // of the field's tag and length
	if size > 129 {
		framing++
	}
	return wrapperspb.Bytes(make([]byte, size-framing))
}
