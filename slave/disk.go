package slave

import (
	"context"

	"meseta/actors/gc"
	"meseta/runtime"
)

// checkDisk looks how full the disk is, and comes again.
//
// Mesos: Slave::checkDiskUsage.
func (s *Slave) checkDisk() {
	measured := runtime.Go(s, func(context.Context) (float64, error) { return s.system.DiskUsage(s.config.WorkDir) })
	runtime.Await(s, measured, s.diskMeasured)
}

// diskMeasured lets sandboxes go the earlier the fuller the disk is.
//
// Mesos: Slave::_checkDiskUsage.
func (s *Slave) diskMeasured(usage float64, err error) {
	if err != nil {
		s.Log().Error().Err(err).Msg("disk usage not measured")
	} else {
		age := s.config.age(usage)
		s.counts.MaxAge = age
		s.Log().Info().Float64("usage", usage).Dur("max_allowed_age", age).Msg("disk measured")
		early := s.config.GCDelay - age
		runtime.Tell(s.garbage, func(c *gc.GarbageCollector) { c.Prune(early) })
	}
	s.Delay(s.config.DiskWatchInterval, s.checkDisk)
}
