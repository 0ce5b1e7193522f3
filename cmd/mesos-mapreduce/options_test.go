package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/flags/flagstest"
)

func TestZeroIsAValue(t *testing.T) {
	t.Parallel()
	flagstest.CheckZeros(t, "mesos-mapreduce", func(set *flags.Set) map[string]flagstest.Zero {
		o := bind(set)
		return map[string]flagstest.Zero{
			"reduces":    {Refused: "at least one is needed"},
			"slow_start": {Field: &o.slowStart},
		}
	})
}

func TestRoots(t *testing.T) {
	t.Parallel()
	spaced := filepath.Join(t.TempDir(), "two words.txt")
	if err := os.WriteFile(spaced, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"a", []string{"a"}},
		{"a b,c", []string{"a", "b", "c"}},
		{" a  b ,,c,", []string{"a", "b", "c"}},
		{spaced, []string{spaced}},
		{spaced + ",a b", []string{spaced, "a", "b"}},
	} {
		if got := roots(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}
