package resources_test

import (
	"testing"

	"pgregory.net/rapid"

	"meseta/messages/resources"
)

func limits(bounds map[string]float64) resources.Limits {
	all := map[string]resources.Quantity{}
	for name, bound := range bounds {
		all[name] = resources.QuantityOf(bound)
	}
	return resources.LimitsOf(all)
}

// A limit of zero allows nothing, and what has no limit is not bounded.
func TestLimits(t *testing.T) {
	t.Parallel()
	l := limits(map[string]float64{"mem": 64, "cpus": 0.5, "gpus": 0})
	if got := l.String(); got != "cpus:0.5; gpus:0; mem:64" {
		t.Errorf("the limits are %s", got)
	}
	if got := limits(nil).String(); got != "{}" {
		t.Errorf("no limits are %s", got)
	}
	for text, allowed := range map[string]bool{
		"": true, "cpus:0.5;mem:64": true, "disk:1000;ports:[1-9]": true, "cpus:0.501": false, "gpus:1": false,
	} {
		if got := l.Allow(parse(t, text).Quantities()); got != allowed {
			t.Errorf("%s allow %q: %v", l, text, got)
		}
	}
}

func TestParsedLimits(t *testing.T) {
	t.Parallel()
	l, err := resources.ParseLimits(" mem:64 ;gpus:0")
	if want := limits(map[string]float64{"mem": 64, "gpus": 0}); err != nil || l.String() != want.String() {
		t.Errorf("%s, %v", l, err)
	}
	for _, wrong := range []string{"cpus", "cpus:x:1", "cpus:-1", "ports:[1-2]", "cpus:many", "cpus:1;mem:1;cpus:2"} {
		if l, err := resources.ParseLimits(wrong); err == nil {
			t.Errorf("%q is %s", wrong, l)
		}
	}
}

// What is cut are scalars, in their order; what is indivisible is kept as a whole or not at all.
func TestAtMost(t *testing.T) {
	t.Parallel()
	bag := parse(t, "cpus:4;mem:100;ports:[1-9];cpus(a):2")
	for _, c := range []struct {
		most map[string]float64
		want string
	}{
		{nil, "cpus:4;mem:100;ports:[1-9];cpus(a):2"},
		{map[string]float64{"cpus": 6, "mem": 100}, "cpus:4;mem:100;ports:[1-9];cpus(a):2"},
		{map[string]float64{"cpus": 5}, "cpus:4;mem:100;ports:[1-9];cpus(a):1"},
		{map[string]float64{"cpus": 3.5, "mem": 0}, "cpus:3.5;ports:[1-9]"},
		{map[string]float64{"ports": 0}, "cpus:4;mem:100;ports:[1-9];cpus(a):2"},
	} {
		if got, want := bag.AtMost(limits(c.most).Of), parse(t, c.want); !got.Equal(want) {
			t.Errorf("%s of %s is %s, want %s", limits(c.most), bag, got, want)
		}
	}
	mount := parse(t, `[{"name":"disk","type":"SCALAR","scalar":{"value":10},"disk":{"source":{"type":"MOUNT","mount":{"root":"/m"}}}},
		{"name":"disk","type":"SCALAR","scalar":{"value":10}}]`)
	if got, want := mount.AtMost(limits(map[string]float64{"disk": 4}).Of), parse(t, "disk:4"); !got.Equal(want) {
		t.Errorf("4 MB of %s are %s", mount, got)
	}
}

// What is left is part of the bag and within the bounds, and nothing more is cut from it.
func TestAtMostIsPartOfTheBag(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bag := genBag.Draw(t, "bag")
		bounds := map[string]resources.Quantity{}
		for name := range bag.ScalarQuantities().All() {
			if rapid.Bool().Draw(t, "bounded") {
				bounds[name] = resources.Quantity(rapid.Int64Range(0, 20_000).Draw(t, name))
			}
		}
		l := resources.LimitsOf(bounds)
		got := bag.AtMost(l.Of)
		if !l.Allow(got.ScalarQuantities()) || !bag.Contains(got) {
			t.Fatalf("%s of %s is %s", l, bag, got)
		}
		if again := got.AtMost(l.Of); !again.Equal(got) {
			t.Fatalf("%s of %s is %s at first, and then %s", l, bag, got, again)
		}
	})
}
