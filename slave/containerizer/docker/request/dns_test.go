package request

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/internalpb"
)

// A container has the agent's name servers of its network, unless it has something of its own.
func TestNameServers(t *testing.T) {
	t.Parallel()
	const (
		bridge = `{"network_mode": "BRIDGE", "dns": {"nameservers": ["1.1.1.1", "1.1.1.2"], "search": ["b.test"], "options": ["ndots:2"]}}`
		others = `{"network_mode": "USER", "dns": {"nameservers": ["2.2.2.2"]}}`
		blue   = `{"network_mode": "USER", "network_name": "blue", "dns": {"nameservers": ["3.3.3.3"]}}`
	)
	user := func(network string) string {
		return `{"type": "DOCKER", "docker": {"image": "box", "network": "USER"}, "network_infos": [{"name": "` + network + `"}]}`
	}
	own := func(name string) string {
		return box(`, "network": "BRIDGE", "parameters": [{"key": "` + name + `", "value": "9.9.9.9"}]`)
	}
	for _, c := range []struct{ container, agent, want string }{
		{box(`, "network": "BRIDGE"`), bridge + "," + others, "1.1.1.1 1.1.1.2, b.test, ndots:2"},
		{box(`, "network": "BRIDGE"`), others, ", , "},
		{box(`, "network": "HOST"`), bridge + "," + others, ", , "},
		{box(`, "network": "NONE"`), bridge + "," + others, ", , "},
		{box(""), bridge, ", , "},
		{user("blue"), blue + "," + others + "," + bridge, "3.3.3.3, , "},
		{user("blue"), others + "," + blue, "3.3.3.3, , "},
		{user("red"), others + "," + blue, "2.2.2.2, , "},
		{user("red"), blue, ", , "},
		{own("dns"), bridge, "9.9.9.9, , "},
		{own("dns-search"), bridge, ", 9.9.9.9, "},
		{own("dns-opt"), bridge, ", , 9.9.9.9"},
		{own("dns-option"), bridge, ", , 9.9.9.9"},
	} {
		agent := &internalpb.ContainerDNSInfo{}
		if err := mesosjson.Unmarshal([]byte(`{"docker": [`+c.agent+`]}`), agent); err != nil {
			t.Fatal(err)
		}
		o := options(t, c.container, nothing, one)
		o.DNS = agent.GetDocker()
		r, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		h := r.HostConfig
		got := strings.Join([]string{strings.Join(h.DNS, " "), strings.Join(h.DNSSearch, " "), strings.Join(h.DNSOptions, " ")}, ", ")
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s with %s: -want +got\n%s", c.container, c.agent, d)
		}
	}
}
