package tidy

import (
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

// TestForbiddenUsesAreSeen keeps the checks themselves honest.
func TestForbiddenUsesAreSeen(t *testing.T) {
	t.Parallel()
	const text = `package p
		import (
			"math/rand/v2"
			clock "time"
		)
		func f(r *rand.Rand) {
			go func() { clock.Sleep(clock.Second) }()
			rand.Shuffle(0, nil)
			rand.New(rand.NewPCG(1, 2)).Int()
			time.Now()
		}`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, use := range forbiddenUses(source{"p.go", file, fset}) {
		got = append(got, use.what)
	}
	if want := []string{"go", "time.Sleep", "rand.Shuffle"}; !slices.Equal(got, want) {
		t.Errorf("saw %q, want %q", got, want)
	}
}

func TestMachinePathsAreSeen(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"see /home/somebody/notes":  true,
		"/root/.cache":              true,
		"meta/root/x and /homework": false,
		"../work/x":                 false,
		"example.org/work/x":        false,
	} {
		if got := ofOneMachine.MatchString(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
