package runtimetest

import (
	"os"
	"strings"
	"testing"
)

func TestADifferenceIsShownFromItsFirstLineOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want, got    string
		line         int
		wanted, said string
	}{
		{"a\nb\n", "a\nb\n", 0, "", ""},
		{"a\nb\n", "a\nc\n", 2, "b\n", "c\n"},
		{"a\n", "a\nb\n", 2, "", "b\n"},
		{"a\nb\n", "a\n", 2, "b\n", ""},
		{"a", "a\n", 1, "a", "a\n"},
		{"", "a", 1, "", "a"},
		{"a\n" + strings.Repeat("b\n", 20), "a\n" + strings.Repeat("c\n", 20), 2, strings.Repeat("b\n", excerpt), strings.Repeat("c\n", excerpt)},
	} {
		if line, wanted, said := difference(c.want, c.got); line != c.line || wanted != c.wanted || said != c.said {
			t.Errorf("%q, %q: %d %q %q, want %d %q %q", c.want, c.got, line, wanted, said, c.line, c.wanted, c.said)
		}
	}
}

// recorder is a test that is told to fail.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Errorf(format string, _ ...any) { r.errors = append(r.errors, format) }

func TestGoldenComparesAndWrites(t *testing.T) {
	t.Chdir(t.TempDir())
	*rewrite = true
	Golden(t, "story", "once\n")
	*rewrite = false
	if text, err := os.ReadFile("testdata/story.txt"); err != nil || string(text) != "once\n" {
		t.Fatalf("%q, %v", text, err)
	}
	r := &recorder{TB: t}
	if Golden(r, "story", "once\n"); len(r.errors) != 0 {
		t.Errorf("the same text fails: %q", r.errors)
	}
	if Golden(r, "story", "twice\n"); len(r.errors) != 1 {
		t.Error("another text passes")
	}
}
