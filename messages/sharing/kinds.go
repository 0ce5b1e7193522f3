package sharing

// kind is a kind of parts that are remembered.
type kind int

const (
	taskID kind = iota
	executorID
	containerID
	agentID
	frameworkID
	resource
	labels
	discovery
	container
	command
	healthCheck
	check
	killPolicy
	network
	cgroup
	framework
	capability
	attribute
	domain
	version

	resourceList
	networkList
	frameworkList
	capabilityList
	attributeList
	kinds int = iota
)

// lists maps kinds of parts to those of lists of them.
var lists = map[kind]kind{
	resource: resourceList, network: networkList, framework: frameworkList, capability: capabilityList, attribute: attributeList,
}
