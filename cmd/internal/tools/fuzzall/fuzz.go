package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"syscall"
	"time"
)

// result is the outcome of fuzzing a target.
type result struct {
	target
	tried   string // number of inputs, in the words of go test
	failure *failure
}

// failure is the failure of a target.
type failure struct {
	target
	reproducer string // a command
	output     []byte
}

// String returns the target's line of progress.
func (r result) String() string {
	if r.failure != nil {
		return fmt.Sprintf("FAIL  %s", r.target)
	}
	return fmt.Sprintf("ok    %-60s %s inputs", r.target, r.tried)
}

// grace is how long go test may take to end its workers after an interruption.
const grace = 10 * time.Second

// fuzz fuzzes the target for o.length, or until ctx ends.
//
// go test gets a process group of its own, which is interrupted as a whole, because go test does not pass interruptions
// on to the test that it runs.
func (t target) fuzz(ctx context.Context, o options) result {
	test := exec.CommandContext(ctx, "go", "test", "-run=^$", "-fuzz=^"+t.name+"$", "-fuzztime="+o.length.String(), t.pkg)
	test.Dir = o.dir
	test.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	test.Cancel = func() error { return syscall.Kill(-test.Process.Pid, syscall.SIGINT) }
	test.WaitDelay = grace
	output, err := test.CombinedOutput()
	if err != nil {
		return result{target: t, failure: &failure{t, t.reproducer(output), output}}
	}
	return result{target: t, tried: tried(output)}
}

var (
	// written matches the line with which go test names the file of a failing input.
	written = regexp.MustCompile(`Failing input written to \S+/(\S+)`)
	// inSeeds matches the line with which go test names a failing input of the seed corpus.
	inSeeds = regexp.MustCompile(`failure while testing seed corpus entry: \S+?/(\S+)`)
	counted = regexp.MustCompile(`execs: (\d+)`)
)

// reproducer returns a command that runs the failing input in output again, or the whole target if output names none.
func (t target) reproducer(output []byte) string {
	for _, says := range []*regexp.Regexp{written, inSeeds} {
		if found := says.FindSubmatch(output); found != nil {
			return fmt.Sprintf("go test -run='^%s$/^%s$' %s", t.name, found[1], t.pkg)
		}
	}
	return fmt.Sprintf("go test -run='^$' -fuzz='^%s$' %s", t.name, t.pkg)
}

// tried returns the latest number of inputs that go test printed.
func tried(output []byte) string {
	last := "no"
	for line := range bytes.Lines(output) {
		if found := counted.FindSubmatch(line); found != nil {
			last = string(found[1])
		}
	}
	return last
}
