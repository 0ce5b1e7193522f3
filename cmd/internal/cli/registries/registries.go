// Package registries reads the registries of masters that are not running, ours and C++ ones, and writes them for
// others.
package registries

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"meseta/actors/consensus"
	"meseta/actors/registrar"
	"meseta/actors/registrar/localfile"
	"meseta/actors/registrar/replicated"
	"meseta/actors/registrar/replicatedlog"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/registrypb"
	"meseta/runtime/disk"
)

// Parse parses the JSON that a leading master shows of its registry.
func Parse(text []byte) (*registrypb.Registry, error) {
	r := &registrypb.Registry{}
	if err := mesosjson.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("the JSON of a registry: %w", err)
	}
	if r.Master == nil { // the first that a leader writes, and all that an answer of another master lacks
		return nil, errors.New("this registry names no master, so it is none that a leading master has written")
	}
	return r, nil
}

// The names of registries in work directories: databaseName in one of ours, logName in that of a C++ master, GroupName in that of a master
// that shares its registry with others, with memberName in it.
const (
	databaseName = "registry.db"
	memberName   = "member"
	logName      = "replicated_log"
	GroupName    = "consensus"
)

// Read reads the registry in a file or directory.
func Read(ctx context.Context, path string) (*registrypb.Registry, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir():
		return readFile(ctx, path)
	}
	if is, err := replicatedlog.Exists(path); is || err != nil {
		return readLog(path, err)
	}
	if _, err := os.Stat(filepath.Join(path, memberName)); err == nil {
		return readMember(path)
	}
	if OfGroup(path) { // the others are older than that
		return nil, fmt.Errorf("%s belongs to a master of a group, whose registry the leading master shows: give http:// and its host:port; "+
			"if most masters of the group are lost, give %s, which may lack what they have agreed on last", path, filepath.Join(path, GroupName))
	}
	database, log := filepath.Join(path, databaseName), filepath.Join(path, logName)
	if _, err := os.Stat(database); err == nil {
		return readDatabase(ctx, database)
	}
	if is, err := replicatedlog.Exists(log); is || err != nil {
		return readLog(log, err)
	}
	return nil, fmt.Errorf("%s holds neither %s, of a master of ours, nor %s, of a C++ master", path, databaseName, logName)
}

// readMember reads what one master of a group knows of its registry.
func readMember(dir string) (*registrypb.Registry, error) {
	machine := &replicated.Machine{}
	if err := consensus.Salvage(disk.Local{}, dir, machine); err != nil {
		return nil, err
	}
	records, err := replicated.Records(machine.Snapshot())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%s: no registry was ever written to it", dir)
	}
	return registrar.Decode(records)
}

// OfGroup reports whether a work directory is that of a master of a group.
func OfGroup(workDir string) bool {
	_, err := os.Stat(filepath.Join(workDir, GroupName))
	return err == nil
}

func readLog(dir string, err error) (*registrypb.Registry, error) {
	if err != nil {
		return nil, err
	}
	log, err := replicatedlog.Read(dir)
	if err == nil && log.Registry == nil {
		err = fmt.Errorf("replicated log in %s: no registry was ever written to it", dir)
	}
	return log.Registry, err
}

func readFile(ctx context.Context, path string) (*registrypb.Registry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	begin := make([]byte, 1)
	if _, err := io.ReadFull(f, begin); err != nil {
		return nil, fmt.Errorf("%s: it is empty", path)
	}
	if begin[0] != '{' {
		return readDatabase(ctx, path)
	}
	rest, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	r, err := Parse(bytes.Join([][]byte{begin, rest}, nil))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func readDatabase(ctx context.Context, path string) (*registrypb.Registry, error) {
	storage, err := localfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer storage.Close()
	_, records, err := storage.Lead(ctx)
	if err != nil {
		return nil, err
	}
	return registrar.Decode(records)
}

// Import writes a registry into the work directory of a master that has none.
func Import(ctx context.Context, workDir string, r *registrypb.Registry) error {
	storage, err := localfile.Open(filepath.Join(workDir, databaseName))
	if err != nil {
		return err
	}
	return errors.Join(registrar.Fill(ctx, storage, r), storage.Close())
}

// Contents counts what is in a registry.
func Contents(r *registrypb.Registry) string {
	return fmt.Sprintf("%d agents, %d unreachable and %d gone ones, %d weights, %d quotas",
		len(r.GetSlaves().GetSlaves()), len(r.GetUnreachable().GetSlaves()), len(r.GetGone().GetSlaves()),
		len(r.GetWeights()), len(r.GetQuotaConfigs())+len(r.GetQuotas()))
}
