package program

import (
	"time"

	"github.com/rs/zerolog"

	"meseta/actors/logging"
	"meseta/actors/metrics"
	"meseta/actors/profiler"
	"meseta/actors/system"
	"meseta/cmd/internal/flags"
	"meseta/runtime"
	"meseta/runtime/trace"
)

// services configures the actors that every process has.
type services struct {
	snapshots  metrics.Rate // limit of /metrics/snapshot
	profileCPU bool
}

// bind adds the flags of the services. By default two snapshots per second are allowed, as in libprocess.
func (s *services) bind(set *flags.Set) {
	s.snapshots = metrics.Rate{Times: 2, Per: time.Second}
	set.Bind("LIBPROCESS_METRICS_SNAPSHOT_ENDPOINT_RATE_LIMIT", flags.Into(&s.snapshots, metrics.ParseRate))
	set.Bind("LIBPROCESS_ENABLE_PROFILER", flags.Func(func(text string) error {
		s.profileCPU = text == "1"
		return nil
	}))
}

// hang is how long a turn may take before it is logged with its stack; twice as long if it began at a bad time.
const hang = 10 * time.Second

// spawn starts the services. looking and changing are the realms of their endpoints.
func (o *Options) spawn(n *runtime.Node, looking, changing string, recorder *recorder) error {
	level := o.Logging.threshold()
	if _, err := metrics.Spawn(n, metrics.Options{Snapshots: o.services.snapshots, Realm: looking}); err != nil {
		return err
	}
	if _, err := logging.Spawn(n, changing, func(verbosity int) { zerolog.SetGlobalLevel(verboser(level, verbosity)) }); err != nil {
		return err
	}
	if err := trace.Spawn(n, trace.Options{Looking: looking, Changing: changing, Lens: Lens, Save: recorder.save, Hang: hang}); err != nil {
		return err
	}
	if err := system.Spawn(n); err != nil {
		return err
	}
	if err := profiler.SpawnCPU(n, changing, o.services.profileCPU); err != nil {
		return err
	}
	if o.MemoryProfiling {
		return profiler.SpawnMemory(n, changing)
	}
	return nil
}

// verboser returns the level to log from at a verbosity above that of level.
func verboser(level zerolog.Level, verbosity int) zerolog.Level {
	switch {
	case verbosity == 0:
		return level
	case verbosity == 1:
		return min(level, zerolog.DebugLevel)
	}
	return zerolog.TraceLevel
}
