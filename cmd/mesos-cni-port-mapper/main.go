// Command mesos-cni-port-mapper is a CNI plugin that has ports of the machine lead to ports of containers. Agents run it
// for networks whose configuration names it, from --network_cni_plugins_dir.
package main

import (
	"os"

	"meseta/slave/containerizer/mesos/isolators/network/portmapper"
)

func main() { os.Exit(portmapper.Run(os.Environ(), os.Stdin, os.Stdout, os.Stderr)) }
