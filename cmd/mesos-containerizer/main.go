// Command mesos-containerizer starts the processes of containers for an agent, is the first process in those containers
// that have one before their command, and holds the terminals of those that have one. Agents run it; it is a program of its own because it has to be small and to start fast.
//
// Mesos: mesos-containerizer launch, mesos-io-switchboard.
package main

import (
	"fmt"
	"os"

	_ "meseta/slave/containerizer/forker/serve" // what agents run it for: it does not come to main then
)

const help = `Usage: mesos-containerizer launch

Starts the processes of containers for a mesos-agent, which runs it with an open socket.
It is not run by hand. An agent finds it in its --launcher_dir.
`

// version is that of the other programs, whose package would make this one three times as large.
const version = "mesos-containerizer 1.12.0 (Meseta)\n"

func main() {
	switch {
	case len(os.Args) == 2 && (os.Args[1] == "--help" || os.Args[1] == "-h"):
		fmt.Print(help)
	case len(os.Args) == 2 && os.Args[1] == "--version":
		fmt.Print(version)
	default:
		fmt.Fprint(os.Stderr, help)
		os.Exit(1)
	}
}
