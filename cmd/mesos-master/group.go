package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/rs/zerolog"

	"meseta/actors/consensus"
	"meseta/actors/election"
	"meseta/actors/registrar"
	"meseta/actors/registrar/localfile"
	"meseta/actors/registrar/replicated"
	"meseta/actors/registrar/replicatedlog"
	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/program/daemon"
	"meseta/runtime"
	"meseta/runtime/disk"
)

// group is the masters that share one registry, of which this is one.
type group struct {
	masters []string // host:port of each, as given; empty: this master has its registry for itself
}

func (g *group) bind(set *flags.Set) { set.Bind("masters", flags.Into(&g.masters, parseMasters)) }

// parseMasters parses host:port,host:port,….
func parseMasters(text string) ([]string, error) {
	masters := strings.Split(text, ",")
	for i, m := range masters {
		masters[i] = strings.TrimSpace(m)
		if host, port, err := net.SplitHostPort(masters[i]); err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("%q is not host:port,host:port,… of all masters", text)
		}
		if slices.Contains(masters[:i], masters[i]) {
			return nil, fmt.Errorf("%q names %s twice", text, masters[i])
		}
	}
	return masters, nil
}

// check validates the flag together with others.
func (g *group) check(registry string, zk bool) error {
	switch {
	case len(g.masters) == 0:
		return nil
	case registry == "in_memory":
		return errors.New("masters: several masters need --registry=replicated_log")
	case zk:
		return errors.New("masters: masters find each other either by this list or by --zk")
	}
	return nil
}

// The names of what a master keeps in its work directory.
const (
	registryFile = "registry.db" // of a master that is alone
	groupFolder  = "consensus"   // of one that belongs to a group
)

// seat is this master as a member of its group.
type seat struct {
	member   runtime.Ref[*consensus.Member]
	replica  *replicated.Replica
	election consensus.Election
}

// meet has the options say how the member finds the others: by their list, or in ZooKeeper.
func (g *group) meet(d *daemon.Daemon, m *membership, o *consensus.Options, machine *replicated.Machine) (err error) {
	if !m.shares() {
		o.Masters, err = resolve(g.masters)
		return err
	}
	e, err := m.zooKeeper.Enter(d.Node, m.zooKeeper.Servers(), m.timeout)
	o.ZooKeeper = &consensus.ZooKeeper{Election: e, Quorum: m.quorum, Found: m.found, Patience: m.absence, Filled: machine.Filled}
	return err
}

// join makes this master a member of its group. On SIGTERM and SIGINT it has another one lead before it ends.
func (g *group) join(d *daemon.Daemon, workDir string, in *membership, doors consensus.Doors) (*seat, error) {
	seed, err := seed(d.Log, workDir)
	if err != nil {
		return nil, err
	}
	machine, o := &replicated.Machine{}, consensus.Defaults()
	o.Dir, o.Machine, o.Seed = filepath.Join(workDir, groupFolder), machine, seed
	if err := g.meet(d, in, &o, machine); err != nil {
		return nil, err
	}
	o.Leader, o.GiveUp, o.Doors = election.NewStandalone(nil), d.GiveUp, doors
	m := consensus.New(o)
	member, err := runtime.Spawn(d.Node, consensus.ID, m)
	if err != nil {
		return nil, err
	}
	leave := func() {
		d.Retire()
		runtime.Ask(member, (*consensus.Member).Transfer, "").OnAny(func(struct{}, error) { d.GiveUp(nil) })
	}
	d.OnSignal(syscall.SIGTERM, leave)
	d.OnSignal(syscall.SIGINT, leave)
	e := consensus.Election{Standalone: o.Leader, Member: member}
	if o.ZooKeeper != nil {
		e.ZooKeeper = o.ZooKeeper.Election
	}
	return &seat{member, replicated.NewReplica(member, machine, m.Size), e}, nil
}

// resolve returns the addresses of masters.
func resolve(masters []string) ([]string, error) {
	var addresses []string
	for _, one := range masters {
		pid, err := election.Resolve(context.Background(), one)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, pid.Addr)
	}
	return addresses, nil
}

// seed returns the registry of a master that was alone so far, or of a C++ master that left it here, with which the group is
// to begin; nil if there is none.
func seed(log zerolog.Logger, workDir string) ([]byte, error) {
	path := filepath.Join(workDir, registryFile)
	foreign, err := replicatedlog.Exists(filepath.Join(workDir, "replicated_log"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) && !foreign {
		return nil, nil
	}
	s, err := localfile.Open(path)
	if err != nil {
		return nil, err
	}
	if err := adopt(context.Background(), log, workDir, s); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	_, records, err := s.Lead(context.Background())
	if err = errors.Join(err, s.Close()); err != nil || len(records) == 0 {
		return nil, err
	}
	return replicated.Seed(records), nil
}

// alone returns the storage of a master without a group. If it was the last one of a group, it takes the registry of the
// group with it.
func alone(workDir string) (*localfile.Storage, error) {
	folder := filepath.Join(workDir, groupFolder)
	machine := &replicated.Machine{}
	members, err := consensus.Read(disk.Local{}, folder, machine)
	switch {
	case err != nil:
		return nil, err
	case len(members) > 1:
		return nil, fmt.Errorf("masters: this master belongs to a group, of the masters at %s; give all of them, or remove the others "+
			"from the group first, by mesos master remove", strings.Join(members, ", "))
	case len(members) == 1:
		if err := takeAlong(workDir, machine); err != nil {
			return nil, err
		}
	}
	return localfile.Open(filepath.Join(workDir, registryFile))
}

// takeAlong makes the registry of a group that of this master. It may be repeated.
func takeAlong(workDir string, machine *replicated.Machine) error {
	records, err := replicated.Records(machine.Snapshot())
	if err != nil {
		return err
	}
	fresh := filepath.Join(workDir, ".new-"+registryFile)
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := writeRegistry(fresh, records); err != nil {
		return err
	}
	folder := filepath.Join(workDir, groupFolder)
	for _, step := range []func() error{
		func() error { return os.Rename(fresh, filepath.Join(workDir, registryFile)) },
		func() error { return disk.Local{}.SyncDir(workDir) },
		func() error { return os.RemoveAll(folder + ".left") },
		func() error { return os.Rename(folder, folder+".left") },
		func() error { return disk.Local{}.SyncDir(workDir) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func writeRegistry(path string, records map[string][]byte) error {
	s, err := localfile.Open(path)
	if err != nil {
		return err
	}
	term, _, err := s.Lead(context.Background())
	if err == nil {
		var changes []registrar.Change
		for key, value := range records {
			changes = append(changes, registrar.Change{Key: key, Value: value})
		}
		err = s.Commit(context.Background(), term, changes)
	}
	return errors.Join(err, s.Close())
}
