package main

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"meseta/cmd/internal/flags"
)

// ofContainment has the groups of flags that say how containers are started, kept apart, given their files, and cleaned up after.
var ofContainment = map[string]bool{
	"Executors and containers": true, "Disk and garbage collection": true, "Docker and images": true, "Cgroups and capabilities": true,
	"Network isolation": true, "Optional builds of Mesos": true,
}

// Each flag for containers that Mesos's agent has is refused with advice, see [TestRefusedFlags], or a test shows what it does to
// them: testdata/effects.tsv names it.
func TestEveryFlagOfContainersHasAnEffect(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, row := range rows(t, "testdata/effects.tsv") {
		flag, dir, name := row[0], row[1], row[2]
		if shown[flag] {
			t.Errorf("--%s is there twice", flag)
		}
		shown[flag] = true
		if !hasTest(t, dir, name) {
			t.Errorf("--%s: there is no %s in %s", flag, name, dir)
		}
	}
	set := flags.New("mesos-agent", "")
	bind(set)
	supported := map[string]bool{}
	for _, f := range set.Supported() {
		supported[f.Name] = true
	}
	refused := map[string]bool{}
	for _, names := range ofIsolators {
		for _, name := range names {
			refused[name] = true
		}
	}
	for name := range ofContainers {
		refused[name] = true
	}
	for _, row := range rows(t, "../internal/flags/known/mesos-agent.tsv") {
		group, flag := row[0], row[1]
		switch {
		case shown[flag] && !supported[flag]:
			t.Errorf("--%s is not supported, so that no test can show what it does", flag)
		case ofContainment[group] && !shown[flag] && !refused[flag]:
			t.Errorf("--%s is neither refused with a reason nor in testdata/effects.tsv with a test that shows what it does", flag)
		}
		delete(shown, flag)
	}
	for flag := range shown {
		t.Errorf("testdata/effects.tsv: Mesos's agent has no flag --%s", flag)
	}
}

// rows returns the lines of a table but for its head.
func rows(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	all, err := r.ReadAll()
	if err != nil || len(all) < 2 {
		t.Fatal(path, err)
	}
	return all[1:]
}

// hasTest reports whether a test is in a directory, which is relative to that of the module.
func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(name) + `\(t \*testing\.T\)`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if declared.Match(text) {
			return true
		}
	}
	return false
}
