package main

import (
	"fmt"

	"meseta/actors/modules"
	"meseta/actors/secrets"
	"meseta/cmd/internal/program/modular"
	"meseta/slave"
	"meseta/slave/containerizer/logger"
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
	logger.AddModules(c)
	return c
}

// chosenModules holds the values of the flags that choose modules.
type chosenModules struct {
	*modular.Modules
	secrets    string
	estimator  string
	controller string
	logger     string
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
	if c.ContainerLogger, err = m.createLogger(set, c.LauncherDir); err != nil {
		return fmt.Errorf("container_logger: %w", err)
	}
	c.Hooks, err = m.Hooks(set)
	return err
}

// createLogger makes the container logger; nil means the usual one, which has no parameters and needs no module.
func (m *chosenModules) createLogger(set *modules.Set, launcherDir string) (logger.ContainerLogger, error) {
	if m.logger == "" || m.logger == logger.SandboxName && set.Kind(m.logger) == "" {
		return nil, nil
	}
	made, err := modules.Create[logger.ContainerLogger](set, m.logger)
	if err != nil {
		return nil, err
	}
	return made, made.Check(launcherDir)
}
