package main

import (
	"fmt"

	"meseta/actors/modules"
	"meseta/actors/secrets"
	"meseta/cmd/internal/program/modular"
	"meseta/slave"
	"meseta/slave/oversubscription"
	"meseta/slave/probe"
)

// builtIn is what is built into this agent. Add modules of your own here, or make a program of them, see plugin.Serve.
func builtIn() *modules.Catalogue {
	c := &modules.Catalogue{}
	oversubscription.AddModules(c, func() (oversubscription.Load, error) {
		five, fifteen, err := probe.Local{}.Load()
		return oversubscription.Load{Five: five, Fifteen: fifteen}, err
	})
	secrets.AddModules(c)
	return c
}

// chosenModules holds the values of the flags that choose modules.
type chosenModules struct {
	*modular.Modules
	secrets    string
	estimator  string
	controller string
}

// create makes the modules that the flags name.
func (m *chosenModules) create(c *slave.Config) error {
	set, err := m.Load()
	if err != nil {
		return err
	}
	if m.secrets != "" {
		if c.Secrets, err = modules.Create[secrets.Resolver](set, m.secrets); err != nil {
			return fmt.Errorf("secret_resolver: %w", err)
		}
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
	c.Hooks, err = m.Hooks(set)
	return err
}
