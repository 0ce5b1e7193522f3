package program

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"meseta/actors/version"
)

// MesosVersion is the version of Mesos that ours stand in for, as /version says: clients read it as dotted integers.
const MesosVersion = "1.12.0"

// Version is what --version prints.
func Version(program string) string {
	return fmt.Sprintf("%s %s (Meseta)", program, MesosVersion)
}

// buildUser is who built the program: go build -ldflags "-X meseta/cmd/internal/program.buildUser=…".
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
