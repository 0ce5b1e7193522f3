package subsystems

import (
	"fmt"
	"strings"
	"testing"

	"meseta/messages/ids"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
)

// classed returns an isolator with the groups of some containers in a tree of plain files, as a kernel has them.
func classed(t *testing.T, c Classes, groups map[string]string) *Isolator {
	t.Helper()
	h := cgroups.Hierarchy{Path: t.TempDir(), Version: cgroups.V1}
	s, err := newNetCls(c)
	if err != nil {
		t.Fatal(err)
	}
	x := &Isolator{tree: mesos.Tree{Root: "mesos"}, infos: map[ids.Container]*info{}, parts: []part{{"net_cls", h, s}}}
	for id, class := range groups {
		set(t, x.tree.Group(h, ids.Container(id)), classID, class)
	}
	return x
}

// classify prepares the group of a container, which is there.
func (x *Isolator) classify(t *testing.T, id ids.Container) (*mesos.Container, error) {
	t.Helper()
	c := &mesos.Container{Launch: containerizer.Launch{ID: id}}
	i := &info{container: c}
	x.infos[id] = i
	return c, x.parts[0].subsystem.prepare(x.tree.Group(x.parts[0].hierarchy, id), i)
}

// Each container has a class of its own, which is the next one's when it has ended.
func TestClasses(t *testing.T) {
	t.Parallel()
	x := classed(t, Classes{"0x10", "1,2"}, map[string]string{"a": "", "b": "", "c": ""})
	a, err := x.classify(t, "a")
	if got := a.Class; err != nil || got != 0x100001 {
		t.Errorf("a has the class %#x (%v)", got, err)
	}
	b, err := x.classify(t, "b")
	if got := b.Class; err != nil || got != 0x100002 {
		t.Errorf("b has the class %#x (%v)", got, err)
	}
	wants(t, x.tree.Group(x.parts[0].hierarchy, "b"), map[string]string{classID: fmt.Sprint(0x100002)})
	if _, err := x.classify(t, "c"); err == nil || err.Error() != "Failed to allocate a net_cls handle: No free handles remaining for primary handle 0x10" {
		t.Errorf("a third one: %v", err)
	}
	if err := x.Cleanup(b); err != nil {
		t.Fatal(err)
	}
	c, err := x.classify(t, "c")
	if got := c.Class; err != nil || got != 0x100002 {
		t.Errorf("c has the class %#x (%v)", got, err)
	}
}

// The next agent knows the classes, and does not give them again. Those of other flags stay as they are.
func TestClassesAreRecovered(t *testing.T) {
	t.Parallel()
	x := classed(t, Classes{"16", "1,3"}, map[string]string{"a": fmt.Sprint(0x100002), "b": fmt.Sprint(0x200001), "none": "0", "c": "", "d": ""})
	for id, want := range map[ids.Container]uint32{"a": 0x100002, "b": 0x200001, "none": 0} {
		c := &mesos.Container{Launch: containerizer.Launch{ID: id}}
		i := &info{container: c}
		x.infos[id] = i
		if err := x.parts[0].subsystem.recover(x.tree.Group(x.parts[0].hierarchy, id), i); err != nil {
			t.Fatal(err)
		}
		if got := c.Class; got != want {
			t.Errorf("%s has the class %#x, want %#x", id, got, want)
		}
	}
	c, err := x.classify(t, "c")
	if got := c.Class; err != nil || got != 0x100001 {
		t.Errorf("c has the class %#x (%v)", got, err)
	}
	d, err := x.classify(t, "d")
	if got := d.Class; err != nil || got != 0x100003 {
		t.Errorf("d has the class %#x (%v)", got, err)
	}
}

// Without handles an operator gives the classes. What is no handle is refused.
func TestHandles(t *testing.T) {
	t.Parallel()
	x := classed(t, Classes{}, map[string]string{"a": "7"})
	c, err := x.classify(t, "a")
	if err != nil || c.Class != 0 {
		t.Errorf("a class is given: %#x, %v", c.Class, err)
	}
	wants(t, x.tree.Group(x.parts[0].hierarchy, "a"), map[string]string{classID: "7"})
	for _, test := range []struct{ primary, secondary, problem string }{
		{"", "", ""}, {"0x1", "", ""}, {"65535", "0xffff,0xffff", ""}, {"", "nonsense", ""},
		{"x", "", "Failed to parse the primary handle 'x' set in flag --cgroups_net_cls_primary_handle"},
		{"0x10000", "", "Failed to parse the primary handle '0x10000'"},
		{"1", "1", "Failed to parse the range of secondary handles '1' set in flag --cgroups_net_cls_secondary_handles"},
		{"1", "a,2", "Failed to parse the lower bound of range of secondary handles 'a,2'"},
		{"1", "1,b", "Failed to parse the upper bound of range of secondary handles '1,b'"},
		{"1", "0,2", "The secondary handle has to be a non-zero value."},
		{"1", "3,2", "Secondary handle range specified '3,2', in flag --cgroups_net_cls_secondary_handles, is an empty set"},
	} {
		err := Classes{test.primary, test.secondary}.Check()
		if (err == nil) != (test.problem == "") || err != nil && !strings.HasPrefix(err.Error(), test.problem) {
			t.Errorf("%q, %q: %v, want %s", test.primary, test.secondary, err, test.problem)
		}
	}
}
