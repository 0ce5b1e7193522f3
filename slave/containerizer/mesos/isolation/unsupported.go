package isolation

// unsupported has the isolators of Mesos that this agent does not have, each with what an operator can use instead.
var unsupported = map[string]string{
	"appc/runtime":         "this agent has no Appc images; use Docker images, with --image_providers=docker and the isolator docker/runtime",
	"filesystem/shared":    "Mesos has deprecated it; use the isolators filesystem/linux and volume/sandbox_path",
	"filesystem/windows":   "it is for agents on Windows; use filesystem/posix or filesystem/linux",
	"gpu/nvidia":           "this agent cannot assign GPUs, because NVML, the library of NVIDIA's driver that knows them, cannot be loaded into a static program; give all containers the device files with the isolator linux/devices and --allowed_devices, mount the driver's libraries with volume/host_path, and offer gpus in --resources if the tasks are to be counted",
	"network/port_mapping": "this agent does not share its own IP address among containers by filters; give containers networks with network/cni, and map ports with the plugin mesos-cni-port-mapper or portmap",
	"windows/cpu":          "it is for agents on Windows; use posix/cpu or cgroups/cpu",
	"windows/mem":          "it is for agents on Windows; use posix/mem or cgroups/mem",
	"volume/csi":           "this agent has no resource providers; mount the volume on the machine and use the isolator volume/host_path",
}

// Advice returns what an operator can use instead of an isolator of Mesos that this agent does not have. It returns "" for all
// others.
func Advice(isolator string) string { return unsupported[isolator] }
