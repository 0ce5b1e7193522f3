// Command mesos-master is the master of a Mesos cluster. It offers the resources of agents to frameworks.
package main

import (
	"context"
	"errors"
	"os"

	"github.com/rs/zerolog"

	"meseta/actors/authentication/crammd5"
	"meseta/actors/authorizer"
	"meseta/actors/consensus"
	"meseta/actors/election"
	"meseta/actors/registrar"
	"meseta/actors/registrar/follow"
	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/program"
	"meseta/cmd/internal/program/daemon"
	"meseta/cmd/internal/program/heap"
	"meseta/master"
	"meseta/master/api"
	"meseta/messages/pb/authorizationpb"
	"meseta/runtime"
)

func main() {
	set := flags.New("mesos-master", "offer the resources of agents to frameworks")
	o := bind(set)
	set.ParseOrExit(program.Version("mesos-master"), os.Environ())
	o.master.Flags = set.Values()
	heap.Tune()
	daemon.Main("mesos-master", o.Options, "master", func(d *daemon.Daemon) (runtime.PID, error) {
		for _, w := range set.Warnings() {
			d.Log.Warn().Msg(w)
		}
		return o.spawn(d)
	})
}

// spawn starts the master and its partners.
func (o *options) spawn(d *daemon.Daemon) (runtime.PID, error) {
	d.Defer(o.modules.Close)
	o.registrar.Realm = master.ReadonlyRealm
	place, err := o.place(d)
	if err != nil {
		return runtime.PID{}, err
	}
	r, err := runtime.Spawn(d.Node, d.Node.NewID("registrar"), place.registrar)
	if err != nil {
		return runtime.PID{}, err
	}
	if o.election.zk != "" && o.registry != "in_memory" {
		if err := o.following.start(d, place, r, o.Process.TLS.Transport()); err != nil {
			return runtime.PID{}, err
		}
	}
	if c := o.master; o.Access.Secrets() == nil && (c.AuthenticateAgents || c.AuthenticateFrameworks) {
		d.Log.Warn().Msg("No credentials provided, authentication requests will be refused")
	}
	if err := election.SpawnHerald(d.Node, place.detector); err != nil {
		return runtime.PID{}, err
	}
	o.master.Hostname, o.master.Build = d.Hostname, program.Build()
	m, err := runtime.Spawn(d.Node, "master", master.New(o.master, master.Partners{
		Serve: api.Serve, Authorizer: o.Access.Authorizer, Authenticator: crammd5.New(d.Node, o.Access.Secrets()),
		Registrar: r, Contender: place.contender, Detector: place.detector, GiveUp: d.GiveUp,
	}))
	return m.PID(), err
}

// place is where the master has its registry, and how it is elected.
type place struct {
	registrar *registrar.Registrar
	contender election.Contender
	detector  election.Detector
	group     follow.Group // with which the registry is shared; nil: with none
}

// place returns the place of this master: in a group, or alone.
func (o *options) place(d *daemon.Daemon) (place, error) {
	if len(o.group.masters) > 0 || o.election.shares() {
		m, err := o.group.join(d, o.workDir, &o.election, o.doors())
		if err != nil {
			return place{}, err
		}
		return place{registrar.NewReplicated(m.replica, o.registrar), m.election, m.election, sharing{m.member}}, nil
	}
	storage, err := o.storage(d.Log)
	if err != nil {
		return place{}, err
	}
	d.Defer(storage.Close)
	contender, detector, err := o.election.enter(d.Node)
	return place{registrar.New(storage, o.registrar), contender, detector, nil}, err
}

// doors says who may use the endpoints of the group. Whoever may take machines out of service may remove masters.
func (o *options) doors() consensus.Doors {
	d := consensus.Doors{Looking: master.ReadonlyRealm, Changing: master.ReadwriteRealm}
	if o.Access.Authorizer != nil {
		d.Allowed = authorizer.Permission(o.Access.Authorizer, authorizationpb.Action_START_MAINTENANCE, nil)
	}
	return d
}

// storage opens the storage of the registry of a master that is alone: memory, or a file in the work directory, into which
// the registry that a C++ master has left there is taken over.
func (o *options) storage(log zerolog.Logger) (registrar.Storage, error) {
	if o.registry == "in_memory" {
		return &registrar.Memory{}, nil
	}
	file, err := alone(o.workDir)
	if err != nil {
		return nil, err
	}
	if err := adopt(context.Background(), log, o.workDir, file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
