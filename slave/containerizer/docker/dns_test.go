package docker

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
)

// The executor of a task is told the agent's name servers in a form that it can read. Without any, the flag is missing.
func TestExecutorsKnowNameServers(t *testing.T) {
	t.Parallel()
	dns := &internalpb.ContainerDNSInfo{}
	if err := mesosjson.Unmarshal([]byte(`{"docker": [{"network_mode": "BRIDGE", "dns": {"nameservers": ["192.0.2.53"]}}]}`), dns); err != nil {
		t.Fatal(err)
	}
	const flag = "--default_container_dns="
	isFlag := func(argument string) bool { return strings.HasPrefix(argument, flag) }
	c := &mesos.Container{Launch: containerizer.Launch{ID: id1, Config: &slavepb.ContainerConfig{}}}
	without, with := (&isolator{}).arguments(c, nil), (&isolator{options: Options{DNS: dns}}).arguments(c, nil)
	if slices.ContainsFunc(without, isFlag) || !slices.IsSorted(with[1:]) {
		t.Errorf("%q, %q", without, with)
	}
	i := slices.IndexFunc(with, isFlag)
	if i < 0 {
		t.Fatalf("%q", with)
	}
	got := &internalpb.ContainerDNSInfo{}
	if err := mesosjson.Unmarshal([]byte(strings.TrimPrefix(with[i], flag)), got); err != nil || !proto.Equal(dns, got) {
		t.Errorf("%v, %v", got, err)
	}
}

// The container of an executor has the agent's name servers.
func TestNameServers(t *testing.T) {
	t.Parallel()
	q := newQuay(t, func(o *Options) {
		o.DNS = &internalpb.ContainerDNSInfo{Docker: []*internalpb.ContainerDNSInfo_DockerInfo{{
			NetworkMode: internalpb.ContainerDNSInfo_DockerInfo_BRIDGE.Enum(),
			Dns:         &internalpb.ContainerDNSInfo_DockerInfo_DNS{Nameservers: []string{"192.0.2.53"}, Search: []string{"b.test"}, Options: []string{"ndots:2"}},
		}}}
	})
	must(t, q.Recover(nil))
	must(t, q.Launch(q.executor(id1, "cat /etc/resolv.conf", `{"type": "DOCKER", "docker": {"image": "box", "network": "BRIDGE"}}`)))
	if over := must(t, q.Wait(id1)); over.GetStatus() != 0 {
		t.Errorf("%v\n%s", over, q.reads(id1, "stderr"))
	}
	for _, want := range []string{"nameserver 192.0.2.53\n", "search b.test\n", "options ndots:2\n"} {
		if text := q.reads(id1, "stdout"); !strings.Contains(text, want) {
			t.Errorf("%s\nwant %s", text, want)
		}
	}
}
