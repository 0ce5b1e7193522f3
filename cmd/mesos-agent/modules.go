package main

import (
	"errors"
	"fmt"

	"meseta/actors/modules"
	"meseta/messages/pb/modulepb"
	"meseta/slave"
	"meseta/slave/oversubscription"
	"meseta/slave/probe"
)

// builtIn is what --modules may choose from. To bring modules of your own, add them here.
func builtIn() *modules.Catalogue {
	c := &modules.Catalogue{}
	oversubscription.AddModules(c, func() (oversubscription.Load, error) {
		five, fifteen, err := probe.Local{}.Load()
		return oversubscription.Load{Five: five, Fifteen: fifteen}, err
	})
	return c
}

// chosenModules holds the values of the flags that choose modules.
type chosenModules struct {
	manifest   *modulepb.Modules
	dir        string
	estimator  string
	controller string
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
		if err := set.Load(builtIn(), m.manifest); err != nil {
			return nil, fmt.Errorf("modules: %w", err)
		}
	case m.dir != "":
		if err := set.LoadDirectory(builtIn(), m.dir); err != nil {
			return nil, fmt.Errorf("modules_dir: %w", err)
		}
	}
	return set, nil
}
