package volume

import (
	"github.com/rs/zerolog"

	"meseta/messages/ids"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/gids"
)

// Groups takes their groups from the directories of a container's sandbox when the container has ended, and from volumes that are
// gone.
//
// Mesos: the volume gid manager's part of MesosContainerizerProcess.
type Groups struct {
	mesos.Base
	GIDs *gids.Manager
}

// UseLog implements [mesos.Logger].
func (i Groups) UseLog(log zerolog.Logger) { i.GIDs.UseLog(log) }

// Cleanup implements [mesos.Isolator].
func (i Groups) Cleanup(c *mesos.Container) error { return i.GIDs.Release(c.Place.Path()) }

// Sweep implements [mesos.Sweeper].
func (i Groups) Sweep(kept func(ids.Container) bool) error { return i.GIDs.Sweep(kept) }
