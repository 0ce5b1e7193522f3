package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"meseta/cmd/internal/program/daemon"
	"meseta/slave"
	"meseta/slave/socket"
)

// executorSocket says where executors reach the agent besides its port.
type executorSocket struct {
	enabled  bool           // --http_executor_domain_sockets
	location string         // --domain_socket_location; empty means in the runtime directory
	passed   *socket.Socket // by systemd; nil: the agent makes one itself
}

// bySystemd is the beginning of a location that is the name of a socket which systemd passes, and not a path.
const bySystemd = "systemd:"

// place completes the location, and tells the configuration of it.
//
// Mesos: main of the agent.
func (s *executorSocket) place(c *slave.Config) error {
	if !s.enabled {
		return s.tooLong()
	}
	if err := s.locate(c.RuntimeDir); err != nil {
		return err
	}
	c.ExecutorSocket, c.Isolation.AgentSocket = s.location, socket.Alone(s.location)
	return nil
}

// tooLong returns an error if no socket can be at the location, even if there is to be none.
//
// Mesos: Flags::Flags of the agent.
func (s *executorSocket) tooLong() error {
	if strings.HasPrefix(s.location, "/") {
		return s.check()
	}
	return nil
}

// check returns an error if no socket can be at the location.
func (s *executorSocket) check() error {
	if err := socket.Check(s.location); err != nil {
		return fmt.Errorf("domain_socket_location: %w", err)
	}
	return nil
}

// locate makes the location a path.
func (s *executorSocket) locate(runtimeDir string) error {
	if name, passed := strings.CutPrefix(s.location, bySystemd); passed {
		return s.takePassed(name)
	}
	if s.location == "" {
		dir, err := filepath.Abs(runtimeDir)
		if err != nil {
			return fmt.Errorf("runtime_dir: %w", err)
		}
		s.location = filepath.Join(dir, "agent.sock")
	}
	return s.check()
}

// takePassed takes over a socket that systemd has passed, before this program starts others, to which the variables about it
// are not passed on.
func (s *executorSocket) takePassed(name string) (err error) {
	if s.passed, err = socket.Passed(name, os.Getpid(), os.LookupEnv); err != nil {
		return fmt.Errorf("domain_socket_location: %w", err)
	}
	s.location = s.passed.Path()
	for _, variable := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if err := os.Unsetenv(variable); err != nil {
			return err
		}
	}
	return nil
}

// hangUp is how long clients may take to read what they were answered when the agent ends.
const hangUp = time.Second

// open makes the socket, unless there is one, before containers are told of it. The function that it returns begins to serve the
// actor with an ID.
func (s *executorSocket) open(d *daemon.Daemon) (serve func(id string) error, err error) {
	if !s.enabled {
		return func(string) error { return nil }, nil
	}
	x := s.passed
	if x == nil {
		if x, err = socket.Listen(s.location); err != nil {
			return nil, err
		}
	}
	d.Defer(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), hangUp)
		defer cancel()
		return x.Close(ctx)
	})
	return func(id string) error { return x.Serve(d.Node, id, d.Log) }, nil
}
