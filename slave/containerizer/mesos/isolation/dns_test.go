package isolation_test

import (
	"fmt"
	"strings"
	"testing"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/internalpb"
	"meseta/slave/containerizer/mesos/isolation"
)

// It must be clear which name servers a network has.
func TestDNS(t *testing.T) {
	t.Parallel()
	const dns = `"dns": {"nameservers": ["192.0.2.53"]}`
	mode := func(mode string) string { return `{"network_mode": "` + mode + `", ` + dns + `}` }
	named := func(mode, name string) string {
		return `{"network_mode": "` + mode + `", "network_name": "` + name + `", ` + dns + `}`
	}
	for _, test := range []struct{ mesos, docker, problem string }{
		{"", "", ""},
		{mode("CNI") + "," + named("CNI", "a") + "," + named("CNI", "b"), mode("BRIDGE") + "," + mode("USER") + "," + named("USER", "a") + "," + named("USER", "b"), ""},
		{"{" + dns + "}", "", "UNKNOWN network mode configured"},
		{"", mode("UNKNOWN"), "UNKNOWN network mode configured"},
		{mode("HOST"), "", "Configuring DNS for HOST network with `--default_container_dns` is not yet supported"},
		{"", mode("HOST"), "Configuring DNS for HOST network with `--default_container_dns` is not yet supported"},
		{mode("CNI") + "," + mode("CNI"), "", "Multiple DNS configuration without network name for CNI network in"},
		{named("CNI", "a") + "," + named("CNI", "a"), "", "Multiple DNS configuration with the same network name 'a' for CNI network in"},
		{"", mode("BRIDGE") + "," + named("BRIDGE", "a"), "Multiple DNS configuration for Docker default bridge network in"},
		{"", mode("USER") + "," + mode("USER"), "Multiple DNS configuration without network name for user-defined CNM network in"},
		{"", named("USER", "a") + "," + named("USER", "a"), "Multiple DNS configuration with the same network name 'a' for user-defined CNM network in"},
	} {
		info := &internalpb.ContainerDNSInfo{}
		if err := mesosjson.Unmarshal([]byte(`{"mesos": [`+test.mesos+`], "docker": [`+test.docker+`]}`), info); err != nil {
			t.Fatal(err)
		}
		c := isolation.Config{Launcher: "posix", Isolation: "posix/cpu", Networks: isolation.NetworkConfig{DNS: info}}
		if problem := fmt.Sprint(c.Check()); (test.problem == "") != (problem == "<nil>") || !strings.Contains(problem, test.problem) {
			t.Errorf("%v: %s, want %q", info, problem, test.problem)
		}
	}
}
