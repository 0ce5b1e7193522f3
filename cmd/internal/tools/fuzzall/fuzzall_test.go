package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// module writes a module with one package and returns its directory.
func module(t *testing.T, test string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":    "module example.org/m\n\ngo 1.26\n",
		"m.go":      "// Package m is empty.\npackage m\n",
		"m_test.go": "package m\n\nimport \"testing\"\n\n" + test,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEveryTargetOfThisModuleIsFound(t *testing.T) {
	t.Parallel()
	all, err := find(t.Context(), options{dir: "../../../.."})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []target{{"meseta/runtime", "FuzzParsePID"}, {"meseta/messages/resources", "FuzzParse"}} {
		if !slices.Contains(all, want) {
			t.Errorf("%s is not found", want)
		}
	}
}

func TestAFailureSaysHowToSeeItAgain(t *testing.T) {
	t.Parallel()
	dir := module(t, `
func FuzzGood(f *testing.F) { f.Fuzz(func(*testing.T, int) {}) }

func FuzzBad(f *testing.F) {
	f.Add("harmless")
	f.Fuzz(func(t *testing.T, s string) {
		if s != "harmless" {
			t.Error("harm")
		}
	})
}
`)
	var out strings.Builder
	err := run(t.Context(), &out, options{dir: dir, length: time.Second})
	if err == nil || err.Error() != "1 of 2 targets failed" {
		t.Errorf("run returns %v", err)
	}
	for _, want := range []string{"ok    example.org/m.FuzzGood", "FAIL  example.org/m.FuzzBad", "go test -run='^FuzzBad$/^", "harm"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestAnInterruptionEndsATargetEarly(t *testing.T) {
	t.Parallel()
	dir := module(t, "func FuzzGood(f *testing.F) { f.Fuzz(func(*testing.T, int) {}) }\n")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	err := run(ctx, &strings.Builder{}, options{dir: dir, length: time.Hour})
	if err == nil || !strings.Contains(err.Error(), "interrupted in example.org/m.FuzzGood") && !strings.Contains(err.Error(), "go list") {
		t.Errorf("run returns %v", err)
	}
}

func TestReproducers(t *testing.T) {
	t.Parallel()
	x := target{"m/p", "FuzzX"}
	for _, c := range []struct{ name, output, want string }{
		{"a new input", "    Failing input written to testdata/fuzz/FuzzX/0a1b\n    To re-run:", "go test -run='^FuzzX$/^0a1b$' m/p"},
		{"a seed", "failure while testing seed corpus entry: FuzzX/seed#0\n", "go test -run='^FuzzX$/^seed#0$' m/p"},
		{"a test that does not build", "undefined: y", "go test -run='^$' -fuzz='^FuzzX$' m/p"},
	} {
		if got := x.reproducer([]byte(c.output)); got != c.want {
			t.Errorf("%s: %s; want %s", c.name, got, c.want)
		}
	}
}
