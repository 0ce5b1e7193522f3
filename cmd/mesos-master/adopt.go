package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/rs/zerolog"

	"meseta/actors/registrar"
	"meseta/actors/registrar/replicatedlog"
)

// adopt writes the registry that a C++ master has left in the work directory into storage, if that is empty. A log that
// cannot be read is an error, since a master that began without it would forget weights, quotas and agents that are gone.
//
// Differs: it is for masters that take the place of C++ ones. Those read their own log.
func adopt(ctx context.Context, log zerolog.Logger, workDir string, storage registrar.Storage) error {
	dir := filepath.Join(workDir, "replicated_log")
	if found, err := replicatedlog.Exists(dir); !found || err != nil {
		return err
	}
	if _, records, err := storage.Lead(ctx); len(records) > 0 || err != nil {
		return err // it was adopted before
	}
	found, err := replicatedlog.Read(dir)
	switch {
	case err != nil:
		return fmt.Errorf("the work directory has the registry of a C++ master, which cannot be taken over: %w; "+
			"mend it, or move the directory away to begin with a registry that knows of no agents", err)
	case found.Registry == nil:
		log.Info().Str("directory", dir).Msg("the replicated log of a C++ master holds no registry")
		return nil
	}
	if err := registrar.Fill(ctx, storage, found.Registry); err != nil && !errors.Is(err, registrar.ErrNotEmpty) {
		return fmt.Errorf("take over the registry in %s: %w", dir, err)
	}
	log.Info().Str("directory", dir).Uint64("position", found.Position).Bool("unlearned", found.Unlearned).
		Int("agents", len(found.Registry.GetSlaves().GetSlaves())).Msg("the registry of a C++ master was taken over")
	return nil
}
