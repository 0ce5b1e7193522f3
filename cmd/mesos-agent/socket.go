package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"meseta/cmd/internal/program/daemon"
	"meseta/slave"
	"meseta/slave/socket"
)

// executorSocket says where executors reach the agent besides its port.
type executorSocket struct {
	enabled  bool   // --http_executor_domain_sockets
	location string // --domain_socket_location; empty means in the runtime directory
}

// place completes the location, and tells the configuration of it.
//
// Mesos: main of the agent.
func (s *executorSocket) place(c *slave.Config) error {
	if !s.enabled {
		return nil
	}
	if s.location == "" {
		dir, err := filepath.Abs(c.RuntimeDir)
		if err != nil {
			return fmt.Errorf("runtime_dir: %w", err)
		}
		s.location = filepath.Join(dir, "agent.sock")
	}
	if err := socket.Check(s.location); err != nil {
		return fmt.Errorf("domain_socket_location: %w", err)
	}
	c.ExecutorSocket, c.Isolation.AgentSocket = s.location, socket.Alone(s.location)
	return nil
}

// hangUp is how long clients may take to read what they were answered when the agent ends.
const hangUp = time.Second

// open makes the socket, before containers are told of it. The function that it returns begins to serve the actor with an ID.
func (s *executorSocket) open(d *daemon.Daemon) (serve func(id string) error, err error) {
	if !s.enabled {
		return func(string) error { return nil }, nil
	}
	x, err := socket.Listen(s.location, d.Log)
	if err != nil {
		return nil, err
	}
	d.Defer(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), hangUp)
		defer cancel()
		return x.Close(ctx)
	})
	return func(id string) error { return x.Serve(d.Node, id) }, nil
}
