// Command bench runs the benchmarks that the project is held to, each beside what it is compared with and in the same
// run, and prints one table of them: ours, theirs, the ratio, the goal, and whether it is met.
//
//	go run ./cmd/internal/bench                 # all, in two or three minutes
//	go run ./cmd/internal/bench -run=hollow
//	go run ./cmd/internal/bench -short          # fewer repetitions, smaller clusters
//
// The benchmarks are programs of their own, run one after the other: go test -bench beside the code they measure, the
// trial of a real master in cmd/internal/hollow, and modules of their own where that keeps somebody else's dependencies
// out of ours. A goal that is missed is a line of the table, not a failure; the exit status tells whether all could run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

func main() {
	short := flag.Bool("short", false, "fewer repetitions, smaller clusters")
	only := flag.String("run", "", "run benchmarks whose group/name matches this regular expression")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if others := busy(); others != "" {
		fmt.Fprintln(os.Stderr, others)
	}
	if err := run(ctx, os.Stdout, os.Stderr, suites(*short), *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// busy warns of others who work on this machine: ratios hold when both sides share it with them, figures do not.
func busy() string {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return ""
	}
	load, err := fs.LoadAvg()
	if processors := runtime.NumCPU(); err == nil && load.Load1 > float64(processors)/2 {
		return fmt.Sprintf("This machine is busy (load %.1f on %d processors): what is compared with figures taken elsewhere will look slow.",
			load.Load1, processors)
	}
	return ""
}

// run runs the suites that have rows which match only, and writes the table to out.
func run(ctx context.Context, out, progress io.Writer, all []suite, only string) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	var errs []error
	var results []result
	for _, s := range all {
		if s.rows = s.matching(wanted); len(s.rows) == 0 {
			continue
		}
		began := time.Now()
		fmt.Fprintf(progress, "%s … ", s.group)
		measured, err := s.measure(ctx)
		if ctx.Err() != nil {
			fmt.Fprintln(progress)
			return errors.New("interrupted")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.group, err))
		}
		fmt.Fprintf(progress, "%s\n", time.Since(began).Round(time.Second))
		for _, r := range s.rows {
			results = append(results, r.result(s.group, measured))
		}
	}
	if len(results) == 0 {
		return fmt.Errorf("no benchmark matches %q", only)
	}
	render(out, results)
	return errors.Join(errs...)
}
