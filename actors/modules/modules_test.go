package modules_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meseta/actors/modules"
)

type (
	greeter interface{ greet() string }
	counter interface{ count() int }
	hello   string
	three   struct{}
)

func (h hello) greet() string { return "hello " + string(h) }
func (three) count() int      { return 3 }

func catalogue() *modules.Catalogue {
	c := &modules.Catalogue{}
	modules.Add(c, "hello", func(p modules.Parameters) (greeter, error) {
		who, ok := p.Get("who")
		if !ok {
			return nil, errors.New("no parameter who")
		}
		return hello(who), nil
	})
	modules.Add(c, "three", func(modules.Parameters) (counter, error) { return three{}, nil })
	return c
}

func load(t *testing.T, s *modules.Set, manifest string) error {
	t.Helper()
	m, err := modules.Parse([]byte(manifest))
	if err != nil {
		return err
	}
	return s.Load(catalogue(), m)
}

// A module is made with the parameters of its manifest, of which the last of a name counts; the library is not looked at.
func TestCreate(t *testing.T) {
	t.Parallel()
	var s modules.Set
	err := load(t, &s, `{"libraries": [{"file": "/nowhere/libx.so", "modules": [
		{"name": "hello", "parameters": [{"key": "who", "value": "you"}, {"key": "who", "value": "world"}]}]},
		{"name": "y", "modules": [{"name": "three"}]}]}`)
	if err != nil {
		t.Fatal(err)
	}
	g, err := modules.Create[greeter](&s, "hello")
	if err != nil || g.greet() != "hello world" {
		t.Errorf("made %v, %v", g, err)
	}
	if c, err := modules.Create[counter](&s, "three"); err != nil || c.count() != 3 {
		t.Errorf("made %v, %v", c, err)
	}
}

// What is wrong is said with the module's name.
func TestRefused(t *testing.T) {
	t.Parallel()
	const good = `{"libraries": [{"name": "x", "modules": [{"name": "hello", "parameters": [{"key": "who", "value": "world"}]}]}]}`
	for _, test := range []struct{ manifest, want string }{
		{`{`, "not a manifest of modules"},
		{`{"libraries": 3}`, "not a manifest of modules"},
		{`{"libraries": [{"modules": [{"name": "three"}]}]}`, "library name or path not provided"},
		{`{"libraries": [{"name": "x", "modules": [{}]}]}`, `module name not provided with library "libx.so"`},
		{`{"libraries": [{"file": "/x.so", "modules": [{"name": "bye"}]}]}`,
			`module "bye": not built into this program, and library "/x.so" cannot be loaded; built in are: hello, three`},
		{strings.Replace(good, `"x"`, `"y"`, 1), `module "hello": it is in two libraries, "libx.so" and "liby.so"`},
		{strings.Replace(good, "world", "you", 1), `module "hello": it is there already, with other parameters`},
		{good, ""},
	} {
		var s modules.Set
		if err := load(t, &s, good); err != nil {
			t.Fatal(err)
		}
		switch err := load(t, &s, test.manifest); {
		case err == nil && test.want != "", err != nil && (test.want == "" || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want %q", test.manifest, err, test.want)
		}
	}
}

// A module that is of another kind, unknown, or given what makes no sense, is not made.
func TestNotCreated(t *testing.T) {
	t.Parallel()
	var s modules.Set
	if err := load(t, &s, `{"libraries": [{"name": "x", "modules": [{"name": "hello"}, {"name": "three"}]}]}`); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"hello": `module "hello": no parameter who`,
		"three": `module "three" is a counter, not a greeter`,
		"bye":   `module "bye" unknown; --modules has to name it`,
	} {
		if g, err := modules.Create[greeter](&s, name); err == nil || err.Error() != want {
			t.Errorf("%s: made %v, %v, want %q", name, g, err, want)
		}
	}
}

// The manifests of a directory are read in order, up to the first that makes no sense.
func TestLoadDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"10-three": `{"libraries": [{"name": "x", "modules": [{"name": "three"}]}]}`,
		"20-bad":   `{"libraries": [{"name": "x", "modules": [{"name": "bye"}]}]}`,
		"30-hello": `{"libraries": [{"name": "x", "modules": [{"name": "hello"}]}]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var s modules.Set
	if err := s.LoadDirectory(catalogue(), dir); err == nil || !strings.HasPrefix(err.Error(), filepath.Join(dir, "20-bad")+`: module "bye": `) {
		t.Errorf("loaded: %v", err)
	}
	if _, err := modules.Create[counter](&s, "three"); err != nil {
		t.Error(err)
	}
	if _, err := modules.Create[greeter](&s, "hello"); err == nil {
		t.Error("what follows a bad manifest was loaded")
	}
	if err := s.LoadDirectory(catalogue(), filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}
