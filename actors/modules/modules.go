// Package modules is how operators choose parts of a daemon: --modules names them, with the library that each comes from and
// its parameters, and other flags say where they are used.
//
// A [Catalogue] holds what is built into a program, see [Add]. Other modules are programs of their own, see package plugin,
// which a manifest names in the place of a library.
//
// Differs: Mesos loads modules from shared libraries written in C++, which a program in Go cannot. Where a module that Mesos
// ships is in the catalogue, the library that is named with it is not looked at, so that manifests need not change.
package modules

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/modulepb"
)

// Parameters are what a manifest gives a module, in order.
type Parameters []*mesospb.Parameter

// Get returns the value of a parameter. If it is given several times, the last one counts.
func (p Parameters) Get(key string) (value string, ok bool) {
	for _, x := range p {
		if x.GetKey() == key {
			value, ok = x.GetValue(), true
		}
	}
	return value, ok
}

func (p Parameters) equal(other Parameters) bool {
	return slices.EqualFunc(p, other, func(a, b *mesospb.Parameter) bool { return proto.Equal(a, b) })
}

// Catalogue is what modules can be made from. The zero Catalogue is empty. It may be read from several goroutines, once
// nothing is added any more.
type Catalogue struct {
	// Open is called with the library of a module that is not in the catalogue. It adds what the library brings, or says why
	// that cannot be used. nil: no library can be.
	Open    func(library string) error
	entries map[string]entry
}

type entry struct {
	kind   reflect.Type
	create any // func(Parameters) (T, error)
}

// Anonymous is the kind of modules that a daemon makes because --modules names them, without asking them for anything. It
// closes them when it ends.
//
// Mesos: Anonymous.
type Anonymous interface{ Close() error }

// Add adds a module of kind T, a named type. create is called for each use of the module; it fails if the parameters make no
// sense. Add panics if the name is taken.
func Add[T any](c *Catalogue, name string, create func(Parameters) (T, error)) {
	if _, taken := c.entries[name]; taken {
		panic("modules: " + name + " was added twice")
	}
	if c.entries == nil {
		c.entries = map[string]entry{}
	}
	c.entries[name] = entry{reflect.TypeFor[T](), create}
}

// Names are the modules, sorted.
func (c *Catalogue) Names() []string { return slices.Sorted(maps.Keys(c.entries)) }

// Kind is the name of a module's kind; empty: there is no such module.
func (c *Catalogue) Kind(name string) string {
	if e, ok := c.entries[name]; ok {
		return e.kind.Name()
	}
	return ""
}

// Set is what an operator has chosen. The zero Set is empty.
type Set struct{ chosen map[string]choice }

type choice struct {
	entry
	library    string
	parameters Parameters
}

// Kind is the name of the kind of a module that the operator has chosen; empty: there is no such module.
func (s *Set) Kind(name string) string {
	if c, ok := s.chosen[name]; ok {
		return c.kind.Name()
	}
	return ""
}

// Names are the modules that the operator has chosen, sorted.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.chosen)) }

// Load adds the modules of a manifest to s. A module may be named again if it is the same in all.
//
// Mesos: ModuleManager::loadManifest.
func (s *Set) Load(c *Catalogue, manifest *modulepb.Modules) error {
	for _, library := range manifest.GetLibraries() {
		name, err := nameOf(library)
		if err != nil {
			return err
		}
		for _, m := range library.GetModules() {
			if m.Name == nil {
				return fmt.Errorf("module name not provided with library %q", name)
			}
			if err := s.add(c, m, name); err != nil {
				return fmt.Errorf("module %q: %w", m.GetName(), err)
			}
		}
	}
	return nil
}

// nameOf returns what a library is called. One without a path has the name of a file, such as libx.so for x.
func nameOf(library *modulepb.Modules_Library) (string, error) {
	switch {
	case library.File != nil:
		return library.GetFile(), nil
	case library.Name != nil:
		return "lib" + library.GetName() + ".so", nil
	}
	return "", errors.New("library name or path not provided")
}

// find returns what a module is made from, which may be in the library.
func (c *Catalogue) find(name, library string) (entry, error) {
	if e, ok := c.entries[name]; ok {
		return e, nil
	}
	known := strings.Join(c.Names(), ", ")
	if c.Open == nil {
		return entry{}, fmt.Errorf("not built into this program, and library %q cannot be loaded; built in are: %s", library, known)
	}
	if err := c.Open(library); err != nil {
		return entry{}, fmt.Errorf("not among those that are known (%s), and not in its library: %w", known, err)
	}
	if e, ok := c.entries[name]; ok {
		return e, nil
	}
	return entry{}, fmt.Errorf("not in library %q; known are: %s", library, strings.Join(c.Names(), ", "))
}

func (s *Set) add(c *Catalogue, m *modulepb.Modules_Library_Module, library string) error {
	e, err := c.find(m.GetName(), library)
	if err != nil {
		return err
	}
	given := choice{entry: e, library: library, parameters: m.GetParameters()}
	switch before, twice := s.chosen[m.GetName()]; {
	case twice && before.library != library:
		return fmt.Errorf("it is in two libraries, %q and %q", before.library, library)
	case twice && !before.parameters.equal(given.parameters):
		return errors.New("it is there already, with other parameters")
	}
	if s.chosen == nil {
		s.chosen = map[string]choice{}
	}
	s.chosen[m.GetName()] = given
	return nil
}

// Create makes a module of kind T that the operator has chosen, with the parameters given to it.
//
// Mesos: ModuleManager::create.
func Create[T any](s *Set, name string) (T, error) {
	var none T
	c, ok := s.chosen[name]
	if !ok {
		return none, fmt.Errorf("module %q unknown; --modules has to name it", name)
	}
	create, ok := c.create.(func(Parameters) (T, error))
	if !ok {
		return none, fmt.Errorf("module %q is a %s, not a %s", name, c.kind.Name(), reflect.TypeFor[T]().Name())
	}
	made, err := create(c.parameters)
	if err != nil {
		return none, fmt.Errorf("module %q: %w", name, err)
	}
	return made, nil
}
