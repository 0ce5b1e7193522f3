// Package program is what every program of ours has around its actors, as every program that is built on libprocess has:
// it says where the program listens and how it logs, and gives its node the services by which operators look into it.
// Packages daemon and peer make programs of it.
//
// All of it is decided by variables LIBPROCESS_… and by Mesos's flags of logging, which [Bind] adds to a program's flags.
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
	"meseta/runtime/web"
)

// Options are the flags and variables that every program has.
type Options struct {
	Network Network
	Logging Logging
	// MemoryProfiling adds the routes below /memory-profiler.
	MemoryProfiling bool

	services services
}

// Bind adds the flags and variables that every program has.
func Bind(set *flags.Set) *Options {
	o := &Options{}
	o.Network.bind(set)
	o.Logging.bind(set)
	o.services.bind(set)
	set.Bind("LIBPROCESS_MEMORY_PROFILING", &o.MemoryProfiling)
	return o
}

// Node is how nodes of programs differ.
type Node struct {
	// Delegate is the actor whose routes need no id.
	Delegate string
	// Looking and Changing are the realms of who looks at the process, and of who changes how it works. "" is open.
	Looking, Changing string
	// TraceRing is how many events are remembered for /trace.
	TraceRing int
}

// Start takes the port and starts a node with its services. MESETA_TRACE says which events are logged, see
// [runtime.ParseTraceFilter].
func (o *Options) Start(log zerolog.Logger, n Node) (*runtime.Node, error) {
	surviveBrokenPipes()
	wire, err := libprocess.Listen(libprocess.Options{
		Address: o.Network.address(), Advertise: o.Network.advertised(), RequirePeerIPMatch: o.Network.matchPeerIP,
		MaxQueue: int(o.Network.PeerQueue), Log: log,
	})
	if err != nil {
		return nil, err
	}
	node, err := runtime.NewNode(runtime.Options{
		Wire: wire, Log: log, TraceRing: n.TraceRing, TraceLog: os.Getenv("MESETA_TRACE"),
	})
	if err != nil {
		wire.Close(context.Background()) //nolint:errcheck // the other error counts
		return nil, fmt.Errorf("start the node: %w", err)
	}
	web.SetDelegate(node, n.Delegate)
	if err := o.spawn(node, n.Looking, n.Changing); err != nil {
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

// surviveBrokenPipes has the process go on when nobody reads its standard output or error any more. The signal is taken
// and not ignored, so that what the process starts begins with the signal's default.
//
// Mesos: process::initialize ignores SIGPIPE, and what it starts does too.
func surviveBrokenPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
