// Command fuzzall runs every fuzz target of the module for a while, one after the other. For those that fail it prints
// how to reproduce the failure.
//
//	go run ./cmd/internal/tools/fuzzall            # every target for 20s
//	go run ./cmd/internal/tools/fuzzall -time=5m -run=PID ./runtime/...
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

func main() {
	length := flag.Duration("time", 20*time.Second, "how long each target runs")
	only := flag.String("run", "", "run targets whose package.Name matches this regular expression")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Stdout, options{length: *length, only: *only, packages: flag.Args()})
	if err != nil {
		fmt.Fprintln(os.Stderr, "fuzzall:", err)
		os.Exit(1)
	}
}

type options struct {
	dir      string // of the module; "" means the current directory
	length   time.Duration
	only     string
	packages []string // patterns; none means ./...
}

// run fuzzes every target. It returns an error if one failed or if ctx ended before all were fuzzed.
func run(ctx context.Context, out io.Writer, o options) error {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	all, err := find(ctx, o)
	if err != nil {
		return err
	}
	var failed []failure
	ran := 0
	for _, t := range all {
		if !only.MatchString(t.String()) {
			continue
		}
		ran++
		result := t.fuzz(ctx, o)
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted in %s, after %d of %d targets", t, ran-1, len(all))
		}
		fmt.Fprintln(out, result)
		if result.failure != nil {
			failed = append(failed, *result.failure)
		}
	}
	for _, f := range failed {
		fmt.Fprintf(out, "\n%s failed; to see it again:\n  %s\n%s", f.target, f.reproducer, f.output)
	}
	switch {
	case ran == 0:
		return fmt.Errorf("none of %d targets matches", len(all))
	case len(failed) > 0:
		return fmt.Errorf("%d of %d targets failed", len(failed), ran)
	}
	return nil
}
