// Command mesos-agent offers the resources of a machine to a master, and runs the tasks that the master sends. It is
// also installed under its older name, mesos-slave.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"meseta/actors/election"
	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/program"
	"meseta/cmd/internal/program/daemon"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave"
	"meseta/slave/systemd"
)

func main() {
	disk.SpareProcessor()
	set := flags.New("mesos-agent", "offer the resources of this machine to a master, and run the tasks it sends")
	o := bind(set)
	set.ParseOrExit(program.Version("mesos-agent"), os.Environ())
	o.slave.Isolation.Launcher = string(o.slave.Isolation.Kind()) // as /flags shows it
	o.slave.Flags = set.Values()
	daemon.Main(filepath.Base(os.Args[0]), o.Options, "slave(1)", func(d *daemon.Daemon) (runtime.PID, error) {
		for _, w := range append(set.Warnings(), o.warnings...) {
			d.Log.Warn().Msg(w)
		}
		return o.spawn(d)
	})
}

// spawn starts the agent. On SIGUSR1 the agent kills and reports its tasks, unregisters from the master, and ends.
func (o *options) spawn(d *daemon.Daemon) (runtime.PID, error) {
	unlock, err := lock(o.slave.WorkDir)
	if err != nil {
		return runtime.PID{}, err
	}
	d.Defer(unlock)
	d.Defer(o.modules.Close)
	master := o.slave.Flags["master"] // as it was written: a file is read again when it changes
	if o.slave.Detector, err = election.Parse(context.Background(), d.Node, master, o.detection); err != nil {
		return runtime.PID{}, err
	}
	if err := o.useSystemd(d); err != nil {
		return runtime.PID{}, fmt.Errorf("Failed to initialize systemd: %w", err)
	}
	o.slave.Hostname, o.slave.Fatal, o.slave.Build = d.Hostname, d.GiveUp, program.Build()
	o.slave.Authorizer, o.slave.ExecutorKey = o.Access.Authorizer, o.Access.ExecutorKey()
	serve, err := o.socket.open(d)
	if err != nil {
		return runtime.PID{}, fmt.Errorf("domain_socket_location: %w", err)
	}
	agent, err := slave.Spawn(d.Node, o.slave)
	if err == nil {
		err = serve(agent.PID().ID)
	}
	if err != nil {
		return runtime.PID{}, err
	}
	d.OnSignal(syscall.SIGUSR1, func() {
		runtime.Tell(agent, func(s *slave.Slave) { s.Shutdown("received SIGUSR1") })
	})
	return agent.PID(), nil
}

// useSystemd has executors live in a slice of their own where systemd runs, so that they outlive the agent's unit.
func (o *options) useSystemd(d *daemon.Daemon) error {
	if !o.systemd.enabled {
		return nil
	}
	if !systemd.Running() {
		d.Log.Info().Msg("systemd does not run here: executors are not put into a slice")
		return nil
	}
	slice := systemd.Slice{Runtime: o.systemd.runtime, Cgroups: o.slave.Cgroups.Base}
	if err := slice.Start(context.Background()); err != nil {
		return err
	}
	d.Log.Info().Str("slice", systemd.Executors).Msg("executors are put into a slice of systemd")
	o.slave.Contain = slice.Add
	return nil
}
