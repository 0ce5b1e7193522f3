package program

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"meseta/actors/version"
)

// MesosVersion is the version of Mesos that these programs stand in for, as /version reports it. Clients parse it as
// dotted integers.
const MesosVersion = "1.12.0"

// Version returns the output of --version.
func Version(program string) string {
	return fmt.Sprintf("%s %s (Meseta)", program, MesosVersion)
}

// buildUser is the user who built the program, set with go build -ldflags "-X
// meseta/cmd/internal/program.buildUser=…".
var buildUser = "unknown"

// Build returns the description of this program, as far as it is recorded in the binary.
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

// programTime returns the modification time of the program's file.
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
