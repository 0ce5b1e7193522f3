package isolation

// unsupported has the isolators of Mesos that this agent does not have, each with what an operator can use instead.
var unsupported = map[string]string{
	"appc/runtime":         "this agent has no Appc images; use Docker images, with --image_providers=docker and the isolator docker/runtime",
	"filesystem/shared":    "Mesos has deprecated it; use the isolators filesystem/linux and volume/sandbox_path",
	"gpu/nvidia":           "this agent does not assign GPUs; leave gpus out of --resources, and use the isolator linux/devices with --allowed_devices to give device files to containers",
	"network/port_mapping": "this agent does not share its own IP address among containers by filters; give containers networks with network/cni, and map ports with the plugin mesos-cni-port-mapper or portmap",
	"volume/csi":           "this agent has no resource providers; mount the volume on the machine and use the isolator volume/host_path",
}

// Advice returns what an operator can use instead of an isolator of Mesos that this agent does not have. It returns "" for all
// others.
func Advice(isolator string) string { return unsupported[isolator] }
