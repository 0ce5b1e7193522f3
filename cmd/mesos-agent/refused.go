package main

import (
	"meseta/cmd/internal/flags"
	"meseta/slave/containerizer/mesos/isolation"
)

// portMappingFlags are those of Mesos's isolator network/port_mapping.
var portMappingFlags = []string{
	"ephemeral_ports_per_container", "eth0_name", "lo_name", "egress_rate_limit_per_container", "egress_rate_per_cpu",
	"minimum_egress_rate_limit", "maximum_egress_rate_limit", "egress_ceil_limit", "egress_burst", "egress_unique_flow_per_container",
	"egress_flow_classifier_parent", "ingress_rate_limit_per_container", "ingress_rate_per_cpu", "minimum_ingress_rate_limit",
	"maximum_ingress_rate_limit", "ingress_ceil_limit", "ingress_burst", "ingress_isolate_existing_containers", "network_link_speed",
	"network_enable_socket_statistics_summary", "network_enable_socket_statistics_details", "network_enable_snmp_statistics",
	"network_enable_rate_statistics", "network_rate_statistics_window", "network_rate_statistics_interval",
}

// ofIsolators has the flags of isolators that this agent does not have.
var ofIsolators = map[string][]string{
	"appc/runtime":         {"appc_simple_discovery_uri_prefix", "appc_store_dir"},
	"gpu/nvidia":           {"nvidia_gpu_devices"},
	"network/port_mapping": portMappingFlags,
	"volume/csi":           {"csi_plugin_config_dir", "resource_provider_config_dir"},
}

// ofContainers has the other flags for containers that this agent does not have, each with what an operator can do instead.
var ofContainers = map[string]string{
	"docker_mesos_image": "this agent starts mesos-docker-executor as a process of its own, never in a container; start the agent in a container that shares the host's process IDs and has the engine's socket",
}

// refuse gives the flags for containers that this agent does not have their reasons.
func refuse(set *flags.Set) {
	for isolator, names := range ofIsolators {
		for _, name := range names {
			set.Refuse(name, isolation.Advice(isolator))
		}
	}
	for name, reason := range ofContainers {
		set.Refuse(name, reason)
	}
}
