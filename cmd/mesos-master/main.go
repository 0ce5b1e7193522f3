// Command mesos-master is the master of a Mesos cluster. It offers the resources of agents to frameworks.
package main

import (
	"os"
	"path/filepath"

	"meseta/actors/authentication/crammd5"
	"meseta/actors/registrar"
	"meseta/actors/registrar/localfile"
	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/program"
	"meseta/cmd/internal/program/daemon"
	"meseta/master"
	"meseta/master/api"
	"meseta/runtime"
)

func main() {
	set := flags.New("mesos-master", "offer the resources of agents to frameworks")
	o := bind(set)
	set.ParseOrExit(program.Version("mesos-master"), os.Environ())
	o.master.Flags = set.Values()
	daemon.Main("mesos-master", o.Options, "master", func(d *daemon.Daemon) (runtime.PID, error) {
		for _, w := range set.Warnings() {
			d.Log.Warn().Msg(w)
		}
		return o.spawn(d)
	})
}

// spawn starts the master and its partners.
func (o *options) spawn(d *daemon.Daemon) (runtime.PID, error) {
	storage, err := o.storage()
	if err != nil {
		return runtime.PID{}, err
	}
	d.Defer(storage.Close)
	d.Defer(o.modules.Close)
	o.registrar.Realm = master.ReadonlyRealm
	r, err := runtime.Spawn(d.Node, d.Node.NewID("registrar"), registrar.New(storage, o.registrar))
	if err != nil {
		return runtime.PID{}, err
	}
	if c := o.master; o.Access.Secrets() == nil && (c.AuthenticateAgents || c.AuthenticateFrameworks) {
		d.Log.Warn().Msg("No credentials provided, authentication requests will be refused")
	}
	contender, detector, err := o.election.enter(d.Node)
	if err != nil {
		return runtime.PID{}, err
	}
	o.master.Hostname, o.master.Build = d.Hostname, program.Build()
	m, err := runtime.Spawn(d.Node, "master", master.New(o.master, master.Partners{
		Serve: api.Serve, Authorizer: o.Access.Authorizer, Authenticator: crammd5.New(d.Node, o.Access.Secrets()),
		Registrar: r, Contender: contender, Detector: detector, GiveUp: d.GiveUp,
	}))
	return m.PID(), err
}

// storage opens the storage of the registry: a file in the work directory, or memory.
func (o *options) storage() (registrar.Storage, error) {
	if o.registry == "in_memory" {
		return &registrar.Memory{}, nil
	}
	return localfile.Open(filepath.Join(o.workDir, "registry.db"))
}
