package main

import (
	"io"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// system returns protoactor-go with its defaults, except that it does not log and has a larger limit for batches, which
// bursts of 10 KiB messages would exceed.
func system() (*actor.ActorSystem, *remote.Remote) {
	quiet := actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) })
	s := actor.NewActorSystem(quiet)
	const batch = 64 << 20
	r := remote.NewRemote(s, remote.Configure("127.0.0.1", 0,
		remote.WithServerOptions(grpc.MaxRecvMsgSize(batch)),
		remote.WithCallOptions(grpc.MaxCallRecvMsgSize(batch), grpc.MaxCallSendMsgSize(batch))))
	r.Start()
	return s, r
}

func theirSink(burst int, tell func(string), until func()) error {
	s, r := system()
	got := 0
	handle := func(c actor.Context) {
		if _, ok := c.Message().(*wrapperspb.BytesValue); !ok {
			return
		}
		if got++; got%burst == 0 {
			c.Respond(wrapperspb.UInt32(uint32(burst)))
		}
	}
	if _, err := s.Root.SpawnNamed(actor.PropsFromFunc(handle), "sink"); err != nil {
		return err
	}
	tell(s.Address())
	until()
	r.Shutdown(false)
	return nil
}

func theirSource(addr string, n, size int) error {
	s, r := system()
	defer r.Shutdown(false)
	to, message := actor.NewPID(addr, "sink"), payload(size)
	unsent, unread, done := n, n, make(chan struct{})
	send := func(c actor.Context, n int) {
		for ; n > 0 && unsent > 0; n-- {
			unsent--
			c.Request(to, message)
		}
	}
	s.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		switch m := c.Message().(type) {
		case *actor.Started:
			send(c, flowOf(size).window)
		case *wrapperspb.UInt32Value:
			if unread -= int(m.Value); unread == 0 {
				close(done)
			}
			send(c, int(m.Value))
		}
	}))
	<-done
	return nil
}
