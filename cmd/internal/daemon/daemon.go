// Package daemon is what mesos-master and mesos-agent have in common around their actors: flags of the network and of
// logging, the node and its port, signals, exit codes, and the pipes to a launcher.
//
// A daemon's main reads:
//
//	set := flags.New("mesos-agent", "…")
//	options := daemon.Bind(set)
//	… bind the rest …
//	set.ParseOrExit(daemon.Version("mesos-agent"))
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
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"meseta/actors/files"
	"meseta/cmd/internal/flags"
	"meseta/runtime"
	"meseta/runtime/libprocess"
)

// MesosVersion is the version of Mesos that ours stand in for, as /version says: clients read it as dotted integers.
const MesosVersion = "1.12.0"

// Version is what --version prints.
func Version(program string) string {
	return fmt.Sprintf("%s %s (Meseta)", program, MesosVersion)
}

// Options are the flags that every daemon has.
type Options struct {
	IP, AdvertiseIP     string
	Port, AdvertisePort int
	Hostname            string
	LookUpHostname      bool
	MatchPeerIP         bool
	Logging             logs
	services            services
}

// Bind adds the flags every daemon has.
func Bind(set *flags.Set) *Options {
	o := &Options{}
	set.Bind("ip", &o.IP)
	set.Bind("port", &o.Port)
	set.Bind("advertise_ip", &o.AdvertiseIP)
	set.Bind("advertise_port", &o.AdvertisePort)
	set.Bind("hostname", &o.Hostname)
	set.Bind("hostname_lookup", &o.LookUpHostname)
	o.Logging.bind(set)
	o.services.bind(set)
	return o
}

// Daemon is a node while it runs.
type Daemon struct {
	Node *runtime.Node
	Log  zerolog.Logger
	// Hostname is what the node is called by others: the flag's, or what its address resolves to, or the address.
	Hostname string

	signals map[os.Signal]func()
	gaveUp  chan error
	closers []func() error
}

// Defer has f called when all actors have ended.
func (d *Daemon) Defer(f func() error) { d.closers = append(d.closers, f) }

// OnSignal runs f, on no actor's turn, when the process gets a signal that would otherwise end it.
func (d *Daemon) OnSignal(s os.Signal, f func()) { d.signals[s] = f }

// GiveUp ends the daemon with an error. Actors call it when they cannot go on.
func (d *Daemon) GiveUp(reason error) {
	select {
	case d.gaveUp <- reason:
	default: // it is ending already
	}
}

// farewell is how long actors may take to finish what they do when the daemon ends.
const farewell = 10 * time.Second

// Main runs a daemon until its first actor terminates, a signal says so, or the launcher is gone, and exits the
// program: with 0 when it was asked to, else with 1 and the reason on standard error. delegate is the actor whose
// routes need no id.
func Main(program string, o *Options, delegate string, spawn func(*Daemon) (runtime.PID, error)) {
	if err := run(o, delegate, spawn); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", program, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(o *Options, delegate string, spawn func(*Daemon) (runtime.PID, error)) error {
	log, closeLog, err := o.Logging.open()
	if err != nil {
		return err
	}
	defer closeLog()
	d := &Daemon{Log: log, signals: map[os.Signal]func(){}, gaveUp: make(chan error, 1)}
	signals := make(chan os.Signal, 8) // from before the launcher hears of us
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := d.open(o, delegate); err != nil {
		return err
	}
	main, err := spawn(d)
	if err == nil {
		err = announce(main.String())
	}
	if err == nil {
		err = d.serve(main, signals)
	}
	signal.Stop(signals) // a second Ctrl-C need not wait for a long farewell
	return cmp.Or(err, d.close())
}

// close ends the actors, and then what they used.
func (d *Daemon) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	errs := []error{d.Node.Close(ctx)}
	for _, f := range slices.Backward(d.closers) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// open takes the port and starts the node.
func (d *Daemon) open(o *Options, delegate string) error {
	wire, err := libprocess.Listen(libprocess.Options{
		Address: o.address(), Advertise: o.advertised(), RequirePeerIPMatch: o.MatchPeerIP, Log: d.Log,
	})
	if err != nil {
		return err
	}
	d.Node, err = runtime.NewNode(runtime.Options{
		Wire: wire, Log: d.Log, Delegate: delegate, TraceRing: traceRing, TraceLog: os.Getenv("MESETA_TRACE"),
	})
	if err != nil {
		wire.Close(context.Background()) //nolint:errcheck // the other error counts
		return err
	}
	if err := o.services.spawn(d.Node, kindOf(delegate), o.Logging.threshold()); err != nil {
		return err
	}
	d.showLog(o.Logging.path(), delegate)
	d.Hostname, err = o.hostname(d.Node.Addr())
	return err
}

// kindOf is what Mesos calls a daemon in names that people see.
func kindOf(delegate string) string {
	if strings.HasPrefix(delegate, "slave(") {
		return "agent"
	}
	return delegate
}

// showLog lets operators read the log as /master/log or /slave/log.
func (d *Daemon) showLog(path, delegate string) {
	if path == "" {
		return
	}
	who, _, _ := strings.Cut(delegate, "(")
	shown := files.Attach(d.Node, files.Attachment{Path: path, Virtual: "/" + who + "/log"})
	shown.OnAny(func(_ struct{}, err error) {
		if err != nil {
			d.Log.Error().Err(err).Msg("the log is not shown")
		}
	})
}

// traceRing is how many events a daemon remembers for /trace.
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
			d.Log.Warn().Msg("the launcher is gone")
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

// address is what to listen on.
func (o *Options) address() string {
	ip := o.IP
	if ip == "" {
		ip = os.Getenv("LIBPROCESS_IP")
	}
	if ip == "" {
		ip = "0.0.0.0"
	}
	return net.JoinHostPort(ip, strconv.Itoa(o.Port))
}

// advertised is what others are told: what was named, or, when listening everywhere, the address this host's name has.
func (o *Options) advertised() string {
	ip := o.AdvertiseIP
	host, _, _ := net.SplitHostPort(o.address())
	if listen := net.ParseIP(host); ip == "" && listen != nil && listen.IsUnspecified() {
		ip = ownIP()
	}
	port := ""
	if o.AdvertisePort != 0 {
		port = strconv.Itoa(o.AdvertisePort)
	}
	if ip == "" && port == "" {
		return ""
	}
	return net.JoinHostPort(ip, port)
}

// ownIP is the address of this host's name, as libprocess finds it; loopback if it has none.
func ownIP() string {
	name, err := os.Hostname()
	if err == nil {
		if ips, err := net.LookupIP(name); err == nil {
			for _, ip := range ips {
				if v4 := ip.To4(); v4 != nil {
					return v4.String()
				}
			}
		}
	}
	return "127.0.0.1"
}

// hostname is what a node at addr is called.
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
