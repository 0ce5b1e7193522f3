// Package modular loads the modules that an operator chooses with --modules or --modules_dir, and makes those that every
// daemon uses: hooks and anonymous modules.
package modular

import (
	"errors"
	"fmt"
	"strings"

	"meseta/actors/hooks"
	"meseta/actors/modules"
	"meseta/actors/modules/plugin"
	"meseta/cmd/internal/flags"
	"meseta/messages/pb/modulepb"
)

// Modules holds the modules of a daemon, and the flags that choose them.
type Modules struct {
	builtIn *modules.Catalogue
	kinds   []plugin.Kind

	manifest *modulepb.Modules
	dir      string
	hooks    string

	programs  []*plugin.Program
	anonymous []modules.Anonymous
}

// Bind adds the flags of modules that every daemon has. builtIn is what the daemon has without programs; kinds are those
// of its modules besides hooks and anonymous ones.
func Bind(set *flags.Set, builtIn *modules.Catalogue, kinds ...plugin.Kind) *Modules {
	m := &Modules{builtIn: builtIn, kinds: append(kinds, hooks.Kind, plugin.Anonymous)}
	set.Bind("modules", flags.Message(&m.manifest))
	set.Bind("modules_dir", &m.dir)
	set.Bind("hooks", &m.hooks)
	return m
}

// Load reads the manifests. It starts the programs that they name, which [Modules.Close] ends, and makes the anonymous
// modules.
func (m *Modules) Load() (*modules.Set, error) {
	set := &modules.Set{}
	switch {
	case m.manifest != nil && m.dir != "":
		return nil, errors.New("modules, modules_dir: only one of them may be given")
	case m.manifest != nil:
		if err := set.Load(m.libraries(), m.manifest); err != nil {
			return nil, fmt.Errorf("modules: %w", err)
		}
	case m.dir != "":
		if err := set.LoadDirectory(m.libraries(), m.dir); err != nil {
			return nil, fmt.Errorf("modules_dir: %w", err)
		}
	}
	return set, m.makeAnonymous(set)
}

// libraries is what --modules may choose from: what is built in, and programs.
func (m *Modules) libraries() *modules.Catalogue {
	c := m.builtIn
	c.Open = func(library string) error {
		if strings.HasSuffix(library, ".so") {
			return fmt.Errorf("%s is a library for Mesos's own daemons, and this one takes programs", library)
		}
		p, offered, err := plugin.Open(library, plugin.RealTime)
		if err != nil {
			return err
		}
		m.programs = append(m.programs, p)
		return plugin.Add(c, p, offered, m.kinds)
	}
	return c
}

// makeAnonymous makes all anonymous modules.
//
// Mesos: main of the master and of the agent.
func (m *Modules) makeAnonymous(set *modules.Set) error {
	for _, name := range set.Names() {
		if set.Kind(name) != plugin.Anonymous.Name {
			continue
		}
		a, err := modules.Create[modules.Anonymous](set, name)
		if err != nil {
			return fmt.Errorf("Failed to create anonymous module named '%s': %w", name, err)
		}
		m.anonymous = append(m.anonymous, a)
	}
	return nil
}

// Hooks makes the hooks that --hooks names. nil means none.
func (m *Modules) Hooks(set *modules.Set) (*hooks.Hooks, error) {
	if m.hooks == "" {
		return nil, nil
	}
	h, err := hooks.Parse(set, m.hooks)
	if err != nil {
		return nil, fmt.Errorf("hooks: Error installing hooks: %w", err)
	}
	return h, nil
}

// Close ends what was made and started.
func (m *Modules) Close() error {
	var errs []error
	for _, a := range m.anonymous {
		errs = append(errs, a.Close())
	}
	for _, p := range m.programs {
		p.Close()
	}
	return errors.Join(errs...)
}
