package portmapper_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"meseta/slave/containerizer/mesos/isolators/network/portmapper"
	"meseta/slave/provisioner/mounttest"
)

// The tests have a network, and thus rules, of their own.
func TestMain(m *testing.M) { os.Exit(mounttest.Main(m, syscall.CLONE_NEWNET)) }

// bench has a delegate that says what it was asked.
type bench struct {
	t   *testing.T
	dir string
}

func newBench(t *testing.T, answer string) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	script := fmt.Sprintf("#!/bin/sh\n{ echo $CNI_COMMAND; cat; echo; } >> %s/said\n%s\n", b.dir, answer)
	if err := os.WriteFile(filepath.Join(b.dir, "delegate"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return b
}

// call runs the plugin for a container, and returns its answer.
func (b *bench) call(command, id, config string) (answer string, status int) {
	var out, log bytes.Buffer
	environ := []string{
		"PATH=" + os.Getenv("PATH"), "CNI_COMMAND=" + command, "CNI_CONTAINERID=" + id, "CNI_NETNS=/x", "CNI_IFNAME=eth0", "CNI_PATH=/nowhere:" + b.dir,
	}
	status = portmapper.Run(environ, strings.NewReader(config), &out, &log)
	return out.String(), status
}

// rules returns the rules of a chain.
func rules(t *testing.T, chain string) string {
	t.Helper()
	out, err := exec.Command("iptables", "-w", "-t", "nat", "-S", chain).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return string(out)
}

const mapped = `{"name": "net", "type": "mesos-cni-port-mapper", "chain": %q, "excludeDevices": ["br0"], "delegate": {"type": "delegate", "x": 1},
	"args": {"org.apache.mesos": {"network_info": {"name": "net", "port_mappings": [
		{"host_port": 31000, "container_port": 80}, {"host_port": 31001, "container_port": 53, "protocol": "UDP"}]}}}}`

const answer = `echo '{"ip4": {"ip": "10.1.2.3/24"}}'`

// Ports lead to a container as long as it is attached, and so do those of another whose ID begins with the same letters.
func TestPortsAreMapped(t *testing.T) {
	t.Parallel()
	mounttest.Need(t)
	if err := exec.Command("iptables", "-w", "-t", "nat", "-S").Run(); err != nil {
		t.Skipf("there is no iptables: %v", err)
	}
	b, config := newBench(t, answer), fmt.Sprintf(mapped, "MESOS-A")
	for _, id := range []string{"c1", "c1.n1", "c1"} {
		if out, status := b.call("ADD", id, config); status != 0 || out != `{"ip4": {"ip": "10.1.2.3/24"}}`+"\n" {
			t.Fatalf("%s: status %d: %s", id, status, out)
		}
	}
	of := func(id string) (all string) {
		for _, ports := range []string{"tcp -m tcp --dport 31000 %s --to-destination 10.1.2.3:80\n", "udp -m udp --dport 31001 %s --to-destination 10.1.2.3:53\n"} {
			all += "-A MESOS-A ! -i br0 -p " + fmt.Sprintf(ports, `-m comment --comment "container_id: `+id+`" -j DNAT`)
		}
		return all
	}
	want := "-N MESOS-A\n" + of("c1") + of("c1.n1")
	if got := ordered(rules(t, "MESOS-A")); got != want {
		t.Errorf("the rules are\n%s\nwant\n%s", got, want)
	}
	for _, chain := range []string{"PREROUTING", "OUTPUT"} {
		if got := strings.Count(rules(t, chain), "-j MESOS-A"); got != 1 {
			t.Errorf("%s leads to the rules %d times", chain, got)
		}
	}
	if out, status := b.call("DEL", "c1", config); status != 0 || out != "" {
		t.Errorf("status %d: %s", status, out)
	}
	if got, want := ordered(rules(t, "MESOS-A")), "-N MESOS-A\n"+of("c1.n1"); got != want {
		t.Errorf("afterwards the rules are\n%s\nwant\n%s", got, want)
	}
	said, _ := os.ReadFile(filepath.Join(b.dir, "said"))
	told := `{"args":{"org.apache.mesos":{"network_info":{`
	if got := strings.Count(string(said), "ADD\n"+told) + 10*strings.Count(string(said), "DEL\n"+told) + 100*strings.Count(string(said), `"name":"net","type":"delegate","x":1}`); got != 413 {
		t.Errorf("the delegate was told %s", said)
	}
}

// ordered moves the target of each rule behind its comment, where some versions of iptables have it.
func ordered(text string) string {
	var all strings.Builder
	for line := range strings.Lines(text) {
		before, comment, found := strings.Cut(line, " -m comment ")
		if jump, rest, ok := strings.Cut(before, " -j DNAT"); found && ok {
			line = jump + " -m comment " + strings.TrimSpace(comment) + " -j DNAT" + rest + "\n"
		}
		all.WriteString(line)
	}
	return all.String()
}

// A request that cannot be carried out says why, by a code and in words.
func TestRefused(t *testing.T) {
	t.Parallel()
	good, failing := newBench(t, answer), newBench(t, "echo no more addresses; exit 1")
	without := newBench(t, "echo '{}'")
	for _, c := range []struct {
		b                     *bench
		command, config, want string
	}{
		{good, "ADD", `{`, `"code":101,"msg":"unexpected end of JSON input`},
		{good, "ADD", `{"chain": "A", "delegate": {"type": "delegate"}}`, `"code":101,"msg":"Failed to get the required field 'name': Not found"`},
		{good, "ADD", `{"name": "n", "delegate": {"type": "delegate"}}`, `"code":101,"msg":"Failed to get the required field 'chain': Not found"`},
		{good, "ADD", `{"name": "n", "chain": "A"}`, `"code":101,"msg":"Failed to get the required field 'delegate': Not found"`},
		{good, "ADD", `{"name": "n", "chain": "A", "delegate": {}}`, `"code":101,"msg":"Failed to get the delegate plugin 'type'"`},
		{good, "ADD", `{"name": "n", "chain": "A", "delegate": {"type": "nosuch"}}`, `"code":101,"msg":"Could not find the delegate plugin: the plugin 'nosuch' is not in /nowhere, ` + good.dir},
		{good, "GO", `{"name": "n", "chain": "A", "delegate": {"type": "delegate"}}`, `"code":104,"msg":"Unsupported command: GO"`},
		{failing, "ADD", `{"name": "n", "chain": "A", "delegate": {"type": "delegate"}}`, `"code":102,"msg":"Could not execute the delegate plugin '` + failing.dir + `\/delegate' for ADD command: exit status 1: no more addresses\n"`},
		{without, "ADD", `{"name": "n", "chain": "A", "delegate": {"type": "delegate"}}`, `"code":102,"msg":"Delegate CNI plugin '` + without.dir + `\/delegate' did not return an IPv4 address"`},
		{
			good, "ADD", `{"name": "n", "chain": "A", "delegate": {"type": "delegate"}, "args": {"org.apache.mesos": {"network_info": {"port_mappings": [{"host_port": 1, "container_port": 2, "protocol": "tcp; reboot"}]}}}}`,
			`"code":103,"msg":"the protocol 'tcp; reboot' of a port mapping has no ports: it must be tcp, udp or sctp"`,
		},
	} {
		out, status := c.b.call(c.command, "c1", c.config)
		if plain := strings.ReplaceAll(out, `\/`, "/"); status != 1 || !strings.HasPrefix(plain, `{"cniVersion":"0.3.0",`+strings.ReplaceAll(c.want, `\/`, "/")) {
			t.Errorf("%s %s: status %d: %s, want %s", c.command, c.config, status, out, c.want)
		}
	}
}
