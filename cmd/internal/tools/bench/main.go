// Command bench runs the benchmarks that the project is held to, each beside what it is compared with and in the same
// run, and prints one table of them: ours, theirs, the ratio, the goal, and whether it is met.
//
//	go run ./cmd/internal/tools/bench                 # all, in some minutes: it says how many
//	go run ./cmd/internal/tools/bench -run=followers
//	go run ./cmd/internal/tools/bench -short          # fewer repetitions, smaller clusters
//
// The benchmarks are programs of their own, run one after the other: go test -bench beside the code they measure, the
// trial of a real master in cmd/internal/tools/hollow, and modules of their own where that keeps somebody else's dependencies
// out of ours. A goal that is missed is told in the table and below it, and is no failure; the exit status tells whether all
// could run. An interruption ends what runs, and shows what was measured until then.
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
	"strings"
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
	chosen, err := choose(all, only)
	if err != nil {
		return err
	}
	fmt.Fprintf(progress, "This takes about %s on two processors; Ctrl-C ends it.\n", duration(chosen))
	var errs []error
	var results []result
	for i, s := range chosen {
		began := time.Now()
		measured, err := s.measure(ctx, func(run int) {
			if s.runs() > 1 {
				fmt.Fprintf(progress, "[%d/%d] %s, run %d of %d\n", i+1, len(chosen), s.group, run, s.runs())
			} else {
				fmt.Fprintf(progress, "[%d/%d] %s\n", i+1, len(chosen), s.group)
			}
		})
		if ctx.Err() != nil {
			errs = []error{errors.New("interrupted")}
			break
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.group, err))
		}
		fmt.Fprintf(progress, "      took %s\n", time.Since(began).Round(time.Second))
		for _, r := range s.rows {
			results = append(results, r.result(s.group, measured))
		}
	}
	if len(results) > 0 {
		render(out, results)
		fmt.Fprintln(out, verdict(results))
	}
	return errors.Join(errs...)
}

// choose returns the suites with the rows that match only.
func choose(all []suite, only string) ([]suite, error) {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	var chosen []suite
	for _, s := range all {
		if s.rows = s.matching(wanted); len(s.rows) > 0 {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no benchmark matches %q", only)
	}
	return chosen, nil
}

// duration is how long the suites take.
func duration(all []suite) string {
	var sum time.Duration
	for _, s := range all {
		sum += s.about * time.Duration(s.runs())
	}
	if sum < 2*time.Minute {
		return fmt.Sprintf("%d seconds", int(sum.Seconds()))
	}
	return fmt.Sprintf("%d minutes", int(sum.Minutes()+0.5))
}

// verdict says which goals were met.
func verdict(results []result) string {
	met, goals := 0, 0
	var missed strings.Builder
	for _, r := range results {
		if r.goal == (goal{}) {
			continue
		}
		goals++
		if !r.missing && r.goal.met(r) {
			met++
			continue
		}
		ours, _, ratio, wanted, _ := r.cells()
		if r.goal.ratio && !r.missing {
			ours = ratio
		}
		fmt.Fprintf(&missed, "\nmissed: %s: %s is %s; the goal is %s", r.group, r.name, ours, wanted)
	}
	return fmt.Sprintf("%d of %d goals met.%s", met, goals, missed.String())
}
