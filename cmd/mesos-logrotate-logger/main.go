// Command mesos-logrotate-logger writes its standard input to a file of bounded size, and keeps those that were full before.
// Agents start one for each stream of output of a container, see the module org_apache_mesos_LogrotateContainerLogger.
package main

import (
	"os"
	"os/signal"
	"syscall"

	"meseta/cmd/internal/program"
	"meseta/slave/containerizer/logger/rotate"
)

func main() {
	// It ends when the container does, and not before: what ends the agent must not end it.
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	os.Exit(rotate.Run(os.Args[1:], program.Version("mesos-logrotate-logger"), os.Stdin, os.Stdout, os.Stderr))
}
