// Wire measures messages between two processes over loopback, with the libprocess wire of our runtime and with the
// remote of protoactor-go. It is a module of its own because of the latter's dependencies.
//
//	go run . [-n messages] [-rounds rounds] [-only ours|theirs] [-profile prefix]
//
// The program starts itself again as the peer. For both contenders a message passes a mailbox and a handler on each
// side, and has a sender. The source keeps a window of messages in flight, and the sink acknowledges every burst.
// Rounds of the contenders alternate, so that noise on the machine affects both, and the median round of each counts.
// The program prints lines with name, our value, theirs, unit and ratio, separated by tabs, for the throughput and for
// the processor time of each process.
package main

import (
	"bufio"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/pprof"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// flow is how many messages may be in flight, and how many an acknowledgement covers.
type flow struct{ window, burst int }

func flowOf(size int) flow {
	if size > 1000 {
		return flow{2_000, 100}
	}
	return flow{20_000, 1_000}
}

// contender is a way to send messages from one process to another.
type contender struct {
	name string
	// sink handles messages until until returns, and acknowledges every burst. It first calls tell with its address.
	sink func(burst int, tell func(addr string), until func()) error
	// source sends n messages of size bytes to the sink at addr, and returns when all were handled.
	source func(addr string, n, size int) error
}

var contenders = []contender{
	{"ours", ourSink, ourSource},
	{"theirs", theirSink, theirSource},
}

// These variables make the program the sink of a contender for messages of a size, and say where profiles go.
const asSink, ofSize, withProfile = "MESETA_BENCH_SINK", "MESETA_BENCH_SIZE", "MESETA_BENCH_PROFILE"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "wire:", err)
		os.Exit(1)
	}
}

func run() error {
	for _, c := range contenders {
		if os.Getenv(asSink) == c.name {
			return beSink(c)
		}
	}
	n := flag.Int("n", 1_000_000, "messages of 100 bytes in a round")
	rounds := flag.Int("rounds", 3, "rounds of each contender")
	only := flag.String("only", "", "measure only ours or theirs, to profile it")
	profile := flag.String("profile", "", "write CPU profiles to files whose names begin so: of this process to .source, of the latest sinks to .ours.sink and .theirs.sink")
	flag.Parse()
	os.Setenv(withProfile, *profile) // for the sinks
	stop, err := startProfile(*profile, "source")
	if err != nil {
		return err
	}
	defer stop()
	if *only != "" {
		contenders = slices.DeleteFunc(contenders, func(c contender) bool { return c.name != *only })
	}
	return errors.Join(
		compare("100-byte messages", *n, 100, *rounds),
		compare("10 KiB messages", *n/20, 10<<10, *rounds))
}

// beSink is the main function of the peer.
func beSink(c contender) error {
	stop, err := startProfile(os.Getenv(withProfile), c.name+".sink")
	if err != nil {
		return err
	}
	defer stop()
	size, err := strconv.Atoi(os.Getenv(ofSize))
	if err != nil {
		return err
	}
	return c.sink(flowOf(size).burst, func(addr string) { fmt.Println(addr) }, func() { io.Copy(io.Discard, os.Stdin) })
}

// startProfile profiles this process until stop is called. An empty prefix means no profile.
func startProfile(prefix, name string) (stop func(), err error) {
	if prefix == "" {
		return func() {}, nil
	}
	file, err := os.Create(prefix + "." + name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		file.Close()
	}, nil
}

// round is the time that a round of a contender took per message.
type round struct{ wall, source, sink time.Duration }

func compare(name string, n, size, rounds int) error {
	all := map[string][]round{}
	for range rounds {
		for _, c := range contenders {
			r, err := measure(c, n, size)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			all[c.name] = append(all[c.name], r)
		}
	}
	report := func(what, unit string, figure func(round) float64) {
		ours, theirs := median(all["ours"], figure), median(all["theirs"], figure)
		fmt.Printf("%s%s\t%.4g\t%.4g\t%s\t%.2f\n", name, what, ours, theirs, unit, ours/theirs)
	}
	report("", "messages/s", func(r round) float64 { return float64(n) / r.wall.Seconds() })
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(n) }
	report(", processor time of the source", "ns", func(r round) float64 { return each(r.source) })
	report(", processor time of the sink", "ns", func(r round) float64 { return each(r.sink) })
	return nil
}

func median(rounds []round, figure func(round) float64) float64 {
	if len(rounds) == 0 {
		return 0
	}
	var x []float64
	for _, r := range rounds {
		x = append(x, figure(r))
	}
	slices.Sort(x)
	return x[len(x)/2]
}

// measure runs one round: a new sink, a tenth of the messages to warm up, and then all of them.
func measure(c contender, n, size int) (r round, err error) {
	sink := exec.Command(os.Args[0])
	sink.Env = append(os.Environ(), asSink+"="+c.name, ofSize+"="+strconv.Itoa(size))
	sink.Stderr = os.Stderr
	in, err1 := sink.StdinPipe()
	out, err2 := sink.StdoutPipe()
	if err := cmp.Or(err1, err2); err != nil {
		return r, err
	}
	if err := sink.Start(); err != nil {
		return r, err
	}
	defer func() {
		err = errors.Join(err, in.Close(), sink.Wait())
		r.sink = (sink.ProcessState.UserTime() + sink.ProcessState.SystemTime()) * 10 / 11 // the warm-up is included
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		return r, fmt.Errorf("the sink tells no address: %w", cmp.Or(lines.Err(), io.ErrUnexpectedEOF))
	}
	addr := lines.Text()
	if err := c.source(addr, n/10, size); err != nil {
		return r, err
	}
	start, before := time.Now(), used()
	err = c.source(addr, n, size)
	r.wall, r.source = time.Since(start), used()-before
	return r, err
}

// used returns the processor time of this process so far.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // Getrusage of the own process cannot fail
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
