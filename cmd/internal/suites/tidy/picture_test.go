package tidy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tracedLine is a line of a trace: seconds, and who said what.
var tracedLine = regexp.MustCompile(`^ *\d+\.\d{3}(\d{3})? `)

// placeholder is what golden files have for what differs from run to run.
var placeholder = regexp.MustCompile(`-?%\d+`)

// The traces that README.md shows are parts of those that the tests compare with what is printed now.
func TestREADMEShowsWhatIsPrinted(t *testing.T) {
	t.Parallel()
	printed := map[string]bool{}
	for _, name := range []string{"life-story.txt", "trace.txt"} {
		for line := range strings.Lines(read(t, "cmd/internal/suites/simcluster/testdata/"+name)) {
			printed[plain(line)] = true
		}
	}
	shown := 0
	for line := range strings.Lines(read(t, "README.md")) {
		line, inBlock := strings.CutPrefix(line, "    ")
		if !inBlock || !tracedLine.MatchString(line) {
			continue
		}
		if shown++; !printed[plain(line)] {
			t.Errorf("README.md shows what is not printed (any more): %s", line)
		}
	}
	if shown < 10 {
		t.Errorf("README.md shows %d lines of traces", shown)
	}
}

// uuidMark is the beginning of a UUID in a trace.
var uuidMark = regexp.MustCompile(`#[0-9a-f]{8}\b`)

// plain is a line without what differs from run to run, and without its indentation, which README.md has less of.
func plain(line string) string {
	return strings.TrimSpace(placeholder.ReplaceAllString(uuidMark.ReplaceAllString(line, "%0"), ""))
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
