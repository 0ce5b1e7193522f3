// Command bench runs the project's benchmarks, each in the same run as its rival, and prints a table: our figure,
// theirs, the ratio, the goal, and whether the goal is met.
//
//	go run ./cmd/internal/tools/bench                 # all of them; it prints how long this takes
//	go run ./cmd/internal/tools/bench -run=followers
//	go run ./cmd/internal/tools/bench -short          # fewer repetitions, smaller clusters
//
// Each suite is a program that runs on its own, one after the other: go test -bench beside the code that it measures,
// the measurement of a real master in cmd/internal/tools/hollow, and a separate module where a rival's dependencies
// must stay out of ours. A missed goal is shown in and below the table, but is not a failure: the exit status says
// whether all suites could run. An interruption ends the current suite and shows what was measured so far.
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

// busy returns a warning if the machine does other work. That affects both sides of a ratio, but makes the figures
// useless.
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

// run runs the suites with rows that match only, and writes the table to out.
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

// choose returns the suites with their rows that match only.
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

// duration returns how long the suites take.
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

// verdict returns how many goals were met, and which were missed.
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
