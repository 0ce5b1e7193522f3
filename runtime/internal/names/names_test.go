package names_test

import (
	"testing"

	"meseta/runtime/internal/names"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ actor, message bool }{
		"":                              {false, false},
		"slave(1)":                      {true, true},
		"mesos.internal.PingSlave":      {true, true},
		"!\"$&'()*+,-.:;<=>[\\]^_`{|}~": {true, true},
		"master@10.0.0.1:5050":          {false, true},
		"a/b":                           {false, false},
		"a?b":                           {false, false},
		"a#b":                           {false, false},
		"a%62":                          {false, false},
		"a b":                           {false, false},
		"a\nb":                          {false, false},
		"a\x7f":                         {false, false},
		"\xff":                          {false, false},
		"é":                             {false, false},
	} {
		if err := names.CheckActor(name); (err == nil) != c.actor {
			t.Errorf("as an actor's id %q: %v", name, err)
		}
		if err := names.CheckMessage(name); (err == nil) != c.message {
			t.Errorf("as a message's name %q: %v", name, err)
		}
	}
}

func TestSerialsCountByPrefix(t *testing.T) {
	t.Parallel()
	var s names.Serials
	for _, want := range []string{"slave(1)", "slave(2)", "master(1)", "slave(3)"} {
		if got := s.Next(want[:len(want)-3]); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
