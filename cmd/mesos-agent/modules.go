package main

import (
	"errors"
	"fmt"
	"strings"

	"meseta/actors/modules"
	"meseta/actors/modules/plugin"
	"meseta/messages/pb/modulepb"
	"meseta/slave"
	"meseta/slave/oversubscription"
	"meseta/slave/probe"
)

// builtIn is what is built into this agent. Add modules of your own here, or make a program of them, see
// oversubscription.Serve.
func builtIn() *modules.Catalogue {
	c := &modules.Catalogue{}
	oversubscription.AddModules(c, func() (oversubscription.Load, error) {
		five, fifteen, err := probe.Local{}.Load()
		return oversubscription.Load{Five: five, Fifteen: fifteen}, err
	})
	return c
}

// libraries is what --modules may choose from: what is built in, and programs.
func (m *chosenModules) libraries() *modules.Catalogue {
	c := builtIn()
	c.Open = func(library string) error {
		if strings.HasSuffix(library, ".so") {
			return fmt.Errorf("%s is a library for Mesos's own agent, and this one takes programs", library)
		}
		p, offered, err := plugin.Open(library)
		if err != nil {
			return err
		}
		m.programs = append(m.programs, p)
		return oversubscription.AddPlugin(c, p, offered)
	}
	return c
}

// close ends the programs.
func (m *chosenModules) close() error {
	for _, p := range m.programs {
		p.Close()
	}
	return nil
}

// chosenModules holds the values of the flags that choose modules.
type chosenModules struct {
	manifest   *modulepb.Modules
	dir        string
	estimator  string
	controller string
	programs   []*plugin.Program
}

// create makes the modules that the flags name.
func (m *chosenModules) create(c *slave.Config) (err error) {
	set, err := m.load()
	if err != nil {
		return err
	}
	if m.estimator != "" {
		if c.ResourceEstimator, err = modules.Create[oversubscription.ResourceEstimator](set, m.estimator); err != nil {
			return fmt.Errorf("resource_estimator: %w", err)
		}
	}
	if m.controller != "" {
		if c.QoSController, err = modules.Create[oversubscription.QoSController](set, m.controller); err != nil {
			return fmt.Errorf("qos_controller: %w", err)
		}
	}
	return nil
}

// load reads the manifests.
func (m *chosenModules) load() (*modules.Set, error) {
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
	return set, nil
}
