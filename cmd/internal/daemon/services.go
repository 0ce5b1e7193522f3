package daemon

import (
	"os"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"

	"meseta/actors/files"
	"meseta/actors/logging"
	"meseta/actors/metrics"
	"meseta/actors/profiler"
	"meseta/actors/system"
	"meseta/actors/version"
	"meseta/cmd/internal/flags"
	"meseta/runtime"
	"meseta/runtime/trace"
)

// services are the actors that every daemon has, whatever it is for.
type services struct {
	snapshots     metrics.Rate // of /metrics/snapshot
	profileCPU    bool
	profileMemory bool
}

// bind adds their flags. Unless the environment says otherwise, two snapshots a second are allowed, as in libprocess.
func (s *services) bind(set *flags.Set) {
	s.snapshots = metrics.Rate{Times: 2, Per: time.Second}
	set.Bind("memory_profiling", &s.profileMemory)
	set.Bind("LIBPROCESS_METRICS_SNAPSHOT_ENDPOINT_RATE_LIMIT", flags.Func(func(text string) (err error) {
		s.snapshots, err = metrics.ParseRate(text)
		return err
	}))
	set.Bind("LIBPROCESS_ENABLE_PROFILER", flags.Func(func(text string) error {
		s.profileCPU = text == "1"
		return nil
	}))
}

// spawn starts them, before the actors that make use of them. Their realms are Mesos's: that of people who look at a
// master or an agent, and that of those who change something.
func (s *services) spawn(n *runtime.Node, kind string, level zerolog.Level) error {
	looking, changing := "mesos-"+kind+"-readonly", "mesos-"+kind+"-readwrite"
	if _, err := metrics.Spawn(n, metrics.Options{Snapshots: s.snapshots, Realm: looking}); err != nil {
		return err
	}
	if _, err := logging.Spawn(n, changing, func(verbosity int) { zerolog.SetGlobalLevel(verboser(level, verbosity)) }); err != nil {
		return err
	}
	for _, spawn := range []func() error{
		func() error { return trace.Spawn(n, changing) },
		func() error { _, err := files.Spawn(n, looking, nil); return err },
		func() error { return system.Spawn(n) },
		func() error { return version.Spawn(n, Build()) },
		func() error { return profiler.SpawnCPU(n, changing, s.profileCPU) },
	} {
		if err := spawn(); err != nil {
			return err
		}
	}
	if s.profileMemory {
		return profiler.SpawnMemory(n, changing)
	}
	return nil
}

// verboser is what is logged at a verbosity above that of level.
func verboser(level zerolog.Level, verbosity int) zerolog.Level {
	switch {
	case verbosity == 0:
		return level
	case verbosity == 1:
		return min(level, zerolog.DebugLevel)
	}
	return zerolog.TraceLevel
}

// buildUser is who built the program: go build -ldflags "-X meseta/cmd/internal/daemon.buildUser=…".
var buildUser = "unknown"

// Build describes this program, as far as its linker knew.
func Build() version.Build {
	b := version.Build{Version: MesosVersion, User: buildUser}
	made := programTime()
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.GitSHA = s.Value
			case "vcs.time":
				if at, err := time.Parse(time.RFC3339, s.Value); err == nil {
					made = at
				}
			}
		}
	}
	b.Date = made.UTC().Format("2006-01-02 15:04:05 MST")
	b.Time = float64(made.Unix())
	return b
}

// programTime is when the program's file was made.
func programTime() time.Time {
	path, err := os.Executable()
	if err != nil {
		return time.Time{}
	}
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
