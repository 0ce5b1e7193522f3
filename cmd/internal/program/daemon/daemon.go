// Package daemon implements what mesos-master and mesos-agent have in common beyond package program: network flags,
// files for operators, signals, exit codes, and the pipes to a launcher.
//
// A daemon's main reads:
//
//	set := flags.New("mesos-agent", "…")
//	options := daemon.Bind(set)
//	… bind the rest …
//	set.ParseOrExit(program.Version("mesos-agent"), os.Environ())
//	daemon.Main(set, options, "slave(1)", func(d *daemon.Daemon) (runtime.PID, error) { … spawn … })
package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	"meseta/actors/files"
	"meseta/actors/version"
	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/program"
	"meseta/messages/pb/authorizationpb"
	"meseta/runtime"
)

// Options holds the values of the flags that every daemon has.
type Options struct {
	Process        *program.Options
	Hostname       string
	LookUpHostname bool
	Access         Access

	externalLog string // a file that another program writes, shown to operators instead of the daemon's own log
}

// Bind adds the flags that every daemon has. The network flags take precedence over the LIBPROCESS_… variables.
func Bind(set *flags.Set) *Options {
	o := &Options{Process: program.Bind(set)}
	var network program.Network
	var profileMemory bool
	var discovery string
	set.Bind("ip", &network.IP)
	set.Bind("ip_discovery_command", &discovery)
	set.Bind("port", &network.Port)
	set.Bind("advertise_ip", &network.AdvertiseIP)
	set.Bind("advertise_port", &network.AdvertisePort)
	set.Bind("hostname", &o.Hostname)
	set.Bind("hostname_lookup", &o.LookUpHostname)
	set.Bind("external_log_file", &o.externalLog)
	set.Bind("memory_profiling", &profileMemory)
	set.Check(func() error {
		if err := network.Discover(discovery); err != nil {
			return err
		}
		p := &o.Process.Network
		p.IP, p.AdvertiseIP = cmp.Or(network.IP, p.IP), cmp.Or(network.AdvertiseIP, p.AdvertiseIP)
		p.Port, p.AdvertisePort = network.Port, cmp.Or(network.AdvertisePort, p.AdvertisePort)
		o.Process.MemoryProfiling = o.Process.MemoryProfiling || profileMemory
		return nil
	})
	return o
}

// Daemon is a running node.
type Daemon struct {
	Node *runtime.Node
	Log  zerolog.Logger
	// Hostname is the name that other processes use for the node: the flag, the name that its address resolves to, or
	// the address.
	Hostname string

	signals  map[os.Signal]func()
	gaveUp   chan error
	retiring atomic.Bool
	closers  []func() error
}

// Defer registers f to be called when all actors have ended.
func (d *Daemon) Defer(f func() error) { d.closers = append(d.closers, f) }

// OnSignal registers f to be called, outside any actor's turn, on a signal that would otherwise end the process.
func (d *Daemon) OnSignal(s os.Signal, f func()) { d.signals[s] = f }

// Retire says that the daemon was asked to end and that GiveUp(nil) will be called when it is ready to: until then, errors
// that come with it are no reason to end.
func (d *Daemon) Retire() { d.retiring.Store(true) }

// GiveUp ends the daemon with an error. Actors call it when they cannot go on. nil ends it as a signal does.
func (d *Daemon) GiveUp(reason error) {
	if reason != nil && d.retiring.Load() {
		return
	}
	select {
	case d.gaveUp <- reason:
	default: // it is ending already
	}
}

// farewell is how long actors may take to finish when the daemon ends.
const farewell = 10 * time.Second

// Main runs a daemon until its first actor terminates, a signal ends it, or the launcher is gone, and then exits the
// program: with 0 if it was asked to end, and otherwise with 1 and the reason on standard error. delegate is the actor
// whose endpoints can be requested without its ID.
func Main(program string, o *Options, delegate string, spawn func(*Daemon) (runtime.PID, error)) {
	if err := run(o, delegate, spawn); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", program, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(o *Options, delegate string, spawn func(*Daemon) (runtime.PID, error)) error {
	program.KeepFiles()
	log, closeLog, err := o.Process.Logging.Open()
	if err != nil {
		return err
	}
	defer closeLog()
	d := &Daemon{Log: log, signals: map[os.Signal]func(){}, gaveUp: make(chan error, 1)}
	signals := make(chan os.Signal, 8) // registered before the launcher learns of the daemon
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := d.open(o, delegate); err != nil {
		return err
	}
	defer leaveTrace(func() string { return o.Process.Testament(d.Node) })()
	main, err := spawn(d)
	if err == nil {
		err = announce(main.String())
	}
	if err == nil {
		err = d.serve(main, signals)
	}
	signal.Stop(signals) // a second Ctrl-C ends the process at once
	return cmp.Or(err, d.close())
}

// close ends the actors and then releases what they used.
func (d *Daemon) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	errs := []error{d.Node.Close(ctx)}
	for _, f := range slices.Backward(d.closers) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// open binds the port and starts the node. Its realms are Mesos's: one for endpoints that read and one for endpoints
// that change something.
func (d *Daemon) open(o *Options, delegate string) (err error) {
	looking := "mesos-" + kindOf(delegate) + "-readonly"
	d.Node, err = o.Process.Start(d.Log, program.Node{
		Delegate: delegate, TraceRing: traceRing, Looking: looking, Changing: "mesos-" + kindOf(delegate) + "-readwrite",
	})
	if err != nil {
		return err
	}
	o.Access.guard(d)
	debug := o.Access.permission(authorizationpb.Action_GET_ENDPOINT_WITH_PATH, &authorizationpb.Object{Value: proto.String("/files/debug")})
	if _, err := files.Spawn(d.Node, looking, debug); err != nil {
		return err
	}
	if err := version.Spawn(d.Node, program.Build()); err != nil {
		return err
	}
	d.showLog(files.Attachment{
		Path:      cmp.Or(o.externalLog, o.Process.Logging.Path()),
		Authorize: o.Access.permission(authorizationpb.Action_ACCESS_MESOS_LOG, nil),
	}, delegate)
	if warning := unreachable(kindOf(delegate), d.Node.Addr()); warning != "" {
		d.Log.Warn().Str("address", d.Node.Addr()).Msg(warning)
	}
	d.Hostname, err = o.hostname(d.Node.Addr())
	return err
}

// unreachable returns a warning if peers on other hosts cannot reach a daemon at addr, and otherwise "".
//
// Mesos: Master::initialize, Slave::initialize.
func unreachable(kind, addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		return ""
	}
	name, peers := "Master", "schedulers or agents"
	if kind == "agent" {
		name, peers = "Agent", "master(s)"
	}
	return name + " bound to loopback interface! Cannot communicate with remote " + peers + ". You might want to set '--ip' flag to a routable IP address."
}

// kindOf returns Mesos's word for the daemon in visible names.
func kindOf(delegate string) string {
	if strings.HasPrefix(delegate, "slave(") {
		return "agent"
	}
	return delegate
}

// showLog makes the log readable as /master/log or /slave/log.
func (d *Daemon) showLog(log files.Attachment, delegate string) {
	if log.Path == "" {
		return
	}
	kind, _, _ := strings.Cut(delegate, "(")
	log.Virtual = "/" + kind + "/log"
	shown := files.Attach(d.Node, log)
	shown.OnAny(func(_ struct{}, err error) {
		if err != nil {
			d.Log.Error().Err(err).Msg("log not attached to /files")
		}
	})
}

// traceRing is the number of events that a daemon keeps for /trace.
const traceRing = 1 << 14

// serve returns when the daemon is to end.
func (d *Daemon) serve(main runtime.PID, signals <-chan os.Signal) error {
	orphan, err := orphaned()
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		d.Node.Wait(context.Background(), main) //nolint:errcheck // nothing cancels it
		close(ended)
	}()
	for {
		select {
		case s := <-signals:
			if f := d.signals[s]; f != nil {
				f()
				continue
			}
			d.Log.Info().Stringer("signal", s).Msg("stopping")
			return nil
		case <-orphan:
			d.Log.Warn().Msg("launcher is gone, exiting")
			orphan = nil
			if f := d.signals[syscall.SIGUSR1]; f != nil {
				f()
				continue
			}
			return nil
		case err := <-d.gaveUp:
			return err
		case <-ended:
			return nil
		}
	}
}

// hostname returns the hostname of a node at addr.
func (o *Options) hostname(addr string) (string, error) {
	if o.Hostname != "" {
		return o.Hostname, nil
	}
	ip, _, err := net.SplitHostPort(addr)
	if err != nil || !o.LookUpHostname {
		return ip, err
	}
	if names, err := net.LookupAddr(ip); err == nil && len(names) > 0 {
		return trimDot(names[0]), nil
	}
	return ip, nil
}

func trimDot(name string) string {
	if n := len(name); n > 1 && name[n-1] == '.' {
		return name[:n-1]
	}
	return name
}
