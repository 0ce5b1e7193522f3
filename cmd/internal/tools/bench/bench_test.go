package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// prints returns a suite whose program prints text and then runs the command then.
func prints(text, then string, rows ...row) suite {
	return suite{group: "g", command: []string{"sh", "-c", "printf '" + text + "'; " + then}, read: tabbed, rows: rows}
}

func TestTheTable(t *testing.T) {
	t.Parallel()
	cpp := rival{name: "C++", worst: 1300, best: 1700}
	s := prints(`fast\t12345.6\t/s\nslow\t2\tms\nplain\t900\tB\n`, "true",
		row{name: "fast", figure: "fast", unit: "/s", rival: cpp, goal: atLeastTimes(3)},
		row{name: "slow", figure: "slow", unit: "ms", rival: rival{name: "C++", worst: 1, best: 1}, goal: atMostTimes(0.5)},
		row{name: "plain", figure: "plain", scale: 1.0 / 1024, unit: "KiB", goal: below(1)},
		row{name: "extra", figure: "plain", unit: "B"},
	)
	var out strings.Builder
	if err := run(t.Context(), &out, io.Discard, []suite{s}, ""); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"│ g │ fast      │ 12,346 /s │ 1,300–1,700 C++ │ 7.26× │ ≥ 3×    │ yes │",
		"│   │ slow      │ 2 ms      │ 1 C++           │ 2×    │ ≤ 0.5×  │ no  │",
		"│   │ plain     │ 0.879 KiB │                 │       │ < 1 KiB │ yes │",
		"│   │ extra     │ 900 B     │                 │       │         │     │",
		"\n2 of 3 goals met.\nmissed: g: slow is 2×; the goal is ≤ 0.5×\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line\n%s\nin\n%s", want, out.String())
		}
	}
}

// Slow results are reported, but only a suite that could not run is an error.
func TestWhatCannotRunIsAnError(t *testing.T) {
	t.Parallel()
	measured := row{name: "measured", figure: "a", unit: "ms", goal: below(1)}
	for _, c := range []struct {
		name  string
		suite suite
		only  string
		err   string
		table string
	}{
		{"slow", prints(`a\t5\tms\n`, "true", measured), "", "", "no"},
		{"failed after a figure", prints(`a\t5\tms\n`, "echo why >&2; exit 3", measured), "", "why", "5 ms"},
		{"a figure is missing", prints("", "true", measured), "", "measured was not measured", "not measured"},
		{"no such program", suite{group: "g", command: []string{"./absent"}, read: tabbed, rows: []row{measured}}, "", "absent", "not measured"},
		{"nothing matches", prints("", "true", measured), "other", "no benchmark matches", ""},
		{"a bad expression", prints("", "true", measured), "(", "-run", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			err := run(t.Context(), &out, io.Discard, []suite{c.suite}, c.only)
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("run returns %v; want %q", err, c.err)
			}
			if !strings.Contains(out.String(), c.table) {
				t.Errorf("%q is not in\n%s", c.table, out.String())
			}
		})
	}
}

func TestOnlyWhatMatchesRuns(t *testing.T) {
	t.Parallel()
	other := prints("", "exit 1", row{name: "other", figure: "b", goal: below(1)})
	s := prints(`a\t5\tms\n`, "true", row{name: "measured", figure: "a", unit: "ms", goal: below(1)})
	if err := run(t.Context(), io.Discard, io.Discard, []suite{other, s}, "g/meas"); err != nil {
		t.Error(err)
	}
}

// After an interruption, the figures measured so far are shown.
func TestAnInterruptionEndsTheProgram(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	done := prints(`a\t5\tms\n`, "true", row{name: "done", figure: "a", unit: "ms"})
	endless := prints("", "sleep 1000", row{name: "endless", figure: "a", goal: below(1)})
	endless.group = "endless"
	progress := writer(func(text string) {
		if strings.Contains(text, "endless") {
			interrupt()
		}
	})
	var out strings.Builder
	if err := run(ctx, &out, progress, []suite{done, endless}, ""); err == nil || err.Error() != "interrupted" {
		t.Errorf("run returns %v", err)
	}
	if !strings.Contains(out.String(), "5 ms") {
		t.Errorf("what was measured is not shown:\n%s", out.String())
	}
}

type writer func(text string)

func (w writer) Write(p []byte) (int, error) {
	w(string(p))
	return len(p), nil
}

func TestHowLongItTakesIsToldBefore(t *testing.T) {
	t.Parallel()
	short := prints(`a\t5\tms\n`, "true", row{name: "short", figure: "a", unit: "ms"})
	short.about, short.repeat = 20*time.Second, 2
	long := short
	long.about, long.repeat = time.Minute, 3
	for _, c := range []struct {
		all  []suite
		want string
	}{
		{[]suite{short}, "This takes about 40 seconds on two processors; Ctrl-C ends it.\n[1/1] g, run 1 of 2\n"},
		{[]suite{short, long}, "This takes about 4 minutes on two processors; Ctrl-C ends it.\n"},
	} {
		var progress strings.Builder
		if err := run(t.Context(), io.Discard, &progress, c.all, ""); err != nil || !strings.HasPrefix(progress.String(), c.want) {
			t.Errorf("%v: %s", err, progress.String())
		}
	}
}

func TestReaders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		read func(string, figures)
		line string
		want figures
	}{
		{"go test", goBench, "BenchmarkA/b-c-2  \t 5\t 0.8 goal\t 55.85 ns/ours", figures{"A/b-c goal": 0.8, "A/b-c ns/ours": 55.85}},
		{"go test, other lines", goBench, "ok  \tmeseta/runtime\t5.4s", figures{}},
		{"tabbed", tabbed, "tasks per second\t12.5\ttasks/s", figures{"tasks per second": 12.5}},
		{"tabbed, other lines", tabbed, "a\tb\tc", figures{}},
		{"side by side", sideBySide, "x\t3\t2\t/s\t1.5", figures{"x ours": 3, "x theirs": 2}},
		{"side by side, other lines", sideBySide, "x\t3", figures{}},
	} {
		got := figures{}
		c.read(c.line, got)
		if len(got) != len(c.want) {
			t.Errorf("%s: %v; want %v", c.name, got, c.want)
		}
		for name, value := range c.want {
			if got[name] != value {
				t.Errorf("%s: %v; want %v", c.name, got, c.want)
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]string{0: "0", 0.01234: "0.0123", 1: "1", 1.5: "1.5", 12.34: "12.3", 123.4: "123", 1234567: "1,234,567"} {
		if got := number(x); got != want {
			t.Errorf("number(%v) is %s; want %s", x, got, want)
		}
	}
}

func TestTheMedianOfSeveralRunsCounts(t *testing.T) {
	t.Parallel()
	values := []float64{3, 100, 1}
	s := suite{command: []string{"echo"}, repeat: len(values), read: func(_ string, into figures) {
		into["a"], values = values[0], values[1:]
	}}
	got, err := s.measure(t.Context(), func(int) {})
	if err != nil || got["a"] != 3 {
		t.Errorf("the median of 3, 100 and 1 is %v, %v", got["a"], err)
	}
}
