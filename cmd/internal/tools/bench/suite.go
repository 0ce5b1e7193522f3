package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// suite is a program that measures, with the rows that it fills.
type suite struct {
	group   string
	dir     string // where it runs, relative to the module's root
	command []string
	repeat  int           // number of runs, whose median counts; 0 means 1
	about   time.Duration // how long a run takes on two processors
	read    func(line string, into figures)
	rows    []row
}

// matching returns the rows that match wanted.
func (s suite) matching(wanted *regexp.Regexp) []row {
	return slices.DeleteFunc(slices.Clone(s.rows), func(r row) bool { return !wanted.MatchString(s.group + "/" + r.name) })
}

// runs returns how often the suite runs.
func (s suite) runs() int { return max(s.repeat, 1) }

// measure runs the suite until it fails. It calls begins before each run. With an error it returns the figures measured
// so far.
func (s suite) measure(ctx context.Context, begins func(run int)) (figures, error) {
	runs := map[string][]float64{}
	var errs []error
	for i := 0; i < s.runs() && len(errs) == 0; i++ {
		begins(i + 1)
		output, err := s.start(ctx)
		if err != nil {
			errs = append(errs, err)
		}
		measured := figures{}
		for line := range strings.Lines(string(output)) {
			s.read(strings.TrimSuffix(line, "\n"), measured)
		}
		for name, value := range measured {
			runs[name] = append(runs[name], value)
		}
	}
	medians := figures{}
	for name, values := range runs {
		slices.Sort(values)
		medians[name] = values[len(values)/2]
	}
	for _, r := range s.rows {
		if _, ok := medians[r.figure]; !ok {
			errs = append(errs, fmt.Errorf("%s was not measured", r.name))
		}
	}
	return medians, errors.Join(errs...)
}

// grace is how long a suite may take to clean up after an interruption.
const grace = 20 * time.Second

// start runs the suite's program once and returns its output. The program gets a process group of its own, which is
// interrupted as a whole, because go run and go test do not pass interruptions on.
func (s suite) start(ctx context.Context) ([]byte, error) {
	var problems bytes.Buffer
	program := exec.CommandContext(ctx, s.command[0], s.command[1:]...)
	program.Dir = s.dir
	program.Stderr = &problems
	program.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	program.Cancel = func() error { return syscall.Kill(-program.Process.Pid, syscall.SIGINT) }
	program.WaitDelay = grace
	output, err := program.Output()
	if err != nil {
		return output, fmt.Errorf("%s: %w\n%s%s", strings.Join(s.command, " "), err, output, problems.String())
	}
	return output, nil
}

// goBench parses a line of go test -bench, Name/Case-2 <iterations> <value> <unit> …, into figures named "Name/Case
// unit".
func goBench(line string, into figures) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return
	}
	name := strings.TrimPrefix(fields[0], "Benchmark")
	if dash := strings.LastIndexByte(name, '-'); dash > 0 {
		name = name[:dash] // GOMAXPROCS
	}
	for i := 2; i+1 < len(fields); i += 2 {
		if value, err := strconv.ParseFloat(fields[i], 64); err == nil {
			into[name+" "+fields[i+1]] = value
		}
	}
}

// tabbed parses a line with a figure's name, its value and its unit.
func tabbed(line string, into figures) {
	if fields := strings.Split(line, "\t"); len(fields) == 3 {
		if value, err := strconv.ParseFloat(fields[1], 64); err == nil {
			into[fields[0]] = value
		}
	}
}

// sideBySide parses a line with a figure's name, our value, theirs, the unit and the ratio into figures named "name
// ours" and "name theirs".
func sideBySide(line string, into figures) {
	fields := strings.Split(line, "\t")
	if len(fields) != 5 {
		return
	}
	ours, err1 := strconv.ParseFloat(fields[1], 64)
	theirs, err2 := strconv.ParseFloat(fields[2], 64)
	if err1 == nil && err2 == nil {
		into[fields[0]+" ours"], into[fields[0]+" theirs"] = ours, theirs
	}
}
