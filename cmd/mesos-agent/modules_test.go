package main

import (
	"strings"
	"testing"

	"meseta/cmd/internal/flags"
	"meseta/slave/containerizer/logger"
)

// The usual container logger needs no module. Another one has to be a module of that kind, with its program in its place.
func TestContainerLoggers(t *testing.T) {
	t.Parallel()
	const rotating = `--modules={"libraries": [{"file": "x.so", "modules": [{"name": "` + logger.LogrotateName + `"}, {"name": "org_apache_mesos_LoadQoSController"}]}]}`
	for name, want := range map[string]string{
		logger.SandboxName:                   "",
		logger.LogrotateName:                 "container_logger: Cannot find: /nowhere/mesos-logrotate-logger",
		"org_apache_mesos_LoadQoSController": `container_logger: module "org_apache_mesos_LoadQoSController" is a QoSController, not a ContainerLogger`,
		"org_apache_mesos_JournaldLogger":    `container_logger: module "org_apache_mesos_JournaldLogger" unknown; --modules has to name it`,
	} {
		set := flags.New("mesos-agent", "")
		bind(set)
		_, err := set.Parse(append([]string{"--container_logger=" + name, rotating}, required...), nil)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}
