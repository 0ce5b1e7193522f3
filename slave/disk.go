package slave

import (
	"context"

	"meseta/actors/gc"
	"meseta/runtime"
	"meseta/slave/counts"
)

// diskWatch has old sandboxes deleted when the disk fills up.
type diskWatch struct {
	*runtime.Actor // the agent's
	config         Config
	garbage        runtime.Ref[*gc.GarbageCollector]
	counts         *counts.Counts
}

// watchDisk schedules the first check of the disk.
func (s *Slave) watchDisk() {
	watch := diskWatch{Actor: &s.Actor, config: s.config, garbage: s.garbage, counts: &s.counts}
	s.Delay(s.config.DiskWatchInterval, watch.check)
}

// check checks how full the disk is, and schedules the next check.
//
// Mesos: Slave::checkDiskUsage.
func (w diskWatch) check() {
	measured := runtime.Go(w, func(context.Context) (float64, error) { return w.config.System.DiskUsage(w.config.WorkDir) })
	runtime.Await(w, measured, w.measured)
}

// measured deletes sandboxes the earlier the fuller the disk is.
//
// Mesos: Slave::_checkDiskUsage.
func (w diskWatch) measured(usage float64, err error) {
	if err != nil {
		w.Log().Error().Err(err).Msg("disk usage not measured")
	} else {
		age := w.config.age(usage)
		w.counts.MaxAge = age
		w.Log().Info().Float64("usage", usage).Dur("max_allowed_age", age).Msg("disk measured")
		early := w.config.GCDelay - age
		runtime.Tell(w.garbage, func(c *gc.GarbageCollector) { c.Prune(early) })
	}
	w.Delay(w.config.DiskWatchInterval, w.check)
}
