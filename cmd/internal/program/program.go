// Package program provides what every program has around its actors, as every program that is built on libprocess: it
// configures where the program listens and how it logs, and adds the services through which operators inspect it.
// Packages daemon and peer build on it.
//
// The configuration comes from LIBPROCESS_… variables and Mesos's logging flags, which [Bind] adds to a program's
// flags.
//
// Mesos: process::initialize, and logging::initialize.
package program

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/rs/zerolog"

	"meseta/actors/metrics"
	"meseta/cmd/internal/flags"
	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/trace"
	"meseta/runtime/web"
)

// Options holds the values of the flags and variables that every program has.
type Options struct {
	Network Network
	TLS     TLS
	Logging Logging
	// MemoryProfiling adds the routes below /memory-profiler.
	MemoryProfiling bool

	services services
}

// Bind adds to set the flags and variables that every program has.
func Bind(set *flags.Set) *Options {
	o := &Options{}
	o.Network.bind(set)
	o.TLS.bind(set)
	o.Logging.bind(set)
	o.services.bind(set)
	set.Bind("LIBPROCESS_MEMORY_PROFILING", &o.MemoryProfiling)
	return o
}

// Node configures the node of a program.
type Node struct {
	// Delegate is the ID of the actor whose endpoints can be requested without the ID. Empty means none.
	Delegate string
	// Looking and Changing are the authentication realms of endpoints that show the state of the process and of
	// endpoints that change it. If a realm is empty, requests are not authenticated.
	Looking, Changing string
	// TraceRing is the number of events that are kept for /trace.
	TraceRing int
}

// Start binds the port and starts a node with its services. The variable MESETA_TRACE selects the events that are
// logged; see [trace.ParseFilter].
func (o *Options) Start(log zerolog.Logger, n Node) (*runtime.Node, error) {
	surviveBrokenPipes()
	recorder := o.recorder()
	wire, err := o.listen(log)
	if err != nil {
		return nil, err
	}
	node, err := runtime.NewNode(runtime.Options{Wire: wire, Log: log, TraceRing: n.TraceRing, Fatal: recorder.fatal})
	if err != nil {
		wire.Close(context.Background()) //nolint:errcheck // the other error counts
		return nil, fmt.Errorf("start the node: %w", err)
	}
	recorder.node.Store(node)
	recorder.tidy(node.Clock().Now())
	web.SetDelegate(node, n.Delegate)
	if err := trace.Log(node, log, os.Getenv("MESETA_TRACE")); err != nil {
		node.Close(context.Background()) //nolint:errcheck // the other error counts
		return nil, fmt.Errorf("MESETA_TRACE: %w", err)
	}
	if err := o.spawn(node, n.Looking, n.Changing, recorder); err != nil {
		node.Close(context.Background()) //nolint:errcheck // the other error counts
		return nil, fmt.Errorf("start the node: %w", err)
	}
	metrics.ExportOf(node, func(s *metrics.Sample) {
		drops := wire.Drops()
		s.Counter("libprocess/messages_dropped/queue_full", drops.Full)
		s.Counter("libprocess/messages_dropped/disconnected", drops.Lost)
	})
	return node, nil
}

func (o *Options) listen(log zerolog.Logger) (*libprocess.Wire, error) {
	wire := libprocess.Options{
		Address: o.Network.address(), Advertise: o.Network.advertised(), RequirePeerIPMatch: o.Network.matchPeerIP,
		MaxQueue: int(o.Network.PeerQueue), Log: log,
	}
	if err := o.TLS.start(log); err != nil {
		return nil, err
	}
	if t := o.TLS.Transport(); t != nil {
		wire.Secure = t
	}
	return libprocess.Listen(wire)
}

// surviveBrokenPipes keeps the process running when the reader of its standard output or error is gone. SIGPIPE is
// handled rather than ignored, so that child processes start with the default action.
//
// Mesos: process::initialize ignores SIGPIPE, which child processes inherit.
func surviveBrokenPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
