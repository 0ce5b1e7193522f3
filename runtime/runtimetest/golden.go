package runtimetest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write golden files anew instead of comparing with them")

// Golden compares got with testdata/<name>.txt, beside the test. With the flag -rewrite it writes that file, whose
// changes are to be reviewed like code.
func Golden(t testing.TB, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *rewrite {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if line, w, g := difference(string(want), got); line > 0 {
		t.Errorf("it differs from line %d of %s on; -rewrite accepts it\nwant:\n%s\ngot:\n%s", line, path, w, g)
	}
}

// excerpt is how many lines a difference shows.
const excerpt = 12

// difference returns the first line that differs, counted from 1, and what stands there and below; 0 if none does.
func difference(want, got string) (line int, wanted, gotten string) {
	if want == got {
		return 0, "", ""
	}
	w, g := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	same := 0
	for same < min(len(w), len(g)) && w[same] == g[same] {
		same++
	}
	show := func(lines []string) string { return strings.Join(lines[same:min(same+excerpt, len(lines))], "") }
	return same + 1, show(w), show(g)
}
