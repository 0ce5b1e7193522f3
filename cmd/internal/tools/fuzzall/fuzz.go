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

// result is what became of one target.
type result struct {
	target
	tried   string // how many inputs, as go test counts them
	failure *failure
}

// failure is a target that failed.
type failure struct {
	target
	reproducer string // a command
	output     []byte
}

// String is the target's line of progress.
func (r result) String() string {
	if r.failure != nil {
		return fmt.Sprintf("FAIL  %s", r.target)
	}
	return fmt.Sprintf("ok    %-60s %s inputs", r.target, r.tried)
}

// grace is how long go test has to end its workers when it is interrupted.
const grace = 10 * time.Second

// fuzz runs the target for o.length, or until ctx ends.
//
// go test does not pass an interruption on to the test it runs, which a terminal interrupts itself. It gets a process
// group of its own here, which is interrupted as a whole whoever asked for it.
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
	// written is how go test says where it has put the input that fails.
	written = regexp.MustCompile(`Failing input written to \S+/(\S+)`)
	// inSeeds is how it says that one of the committed inputs does.
	inSeeds = regexp.MustCompile(`failure while testing seed corpus entry: \S+?/(\S+)`)
	counted = regexp.MustCompile(`execs: (\d+)`)
)

// reproducer is a command that runs the input again that output speaks of, or the whole target if it speaks of none.
func (t target) reproducer(output []byte) string {
	for _, says := range []*regexp.Regexp{written, inSeeds} {
		if found := says.FindSubmatch(output); found != nil {
			return fmt.Sprintf("go test -run='^%s$/^%s$' %s", t.name, found[1], t.pkg)
		}
	}
	return fmt.Sprintf("go test -run='^$' -fuzz='^%s$' %s", t.name, t.pkg)
}

// tried is the last count that go test has printed.
func tried(output []byte) string {
	last := "no"
	for line := range bytes.Lines(output) {
		if found := counted.FindSubmatch(line); found != nil {
			last = string(found[1])
		}
	}
	return last
}
