package cni_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer/mesos/isolation"
)

// A port of the machine leads to a container on a network with the port mapper.
func TestPortsLeadToContainers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newSite(t, func(c *isolation.Config) { c.Networks.Plugins += ":" + dir })
	for _, needed := range [][]string{{"iptables", "-w", "-t", "nat", "-S"}, {"busybox", "nc", "--help"}} {
		if err := exec.Command(needed[0], needed[1:]...).Run(); err != nil {
			t.Skipf("%v: %v", needed, err)
		}
	}
	self, err := os.Executable()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "mesos-cni-port-mapper"), []byte("#!/bin/sh\n"+mapping+"=1 exec "+self+"\n"), 0o755))
	configs := s.configuration.Networks.Configs
	must(t, os.WriteFile(filepath.Join(configs, "mapped.conf"), fmt.Appendf(nil, `{"name": "mapped", "type": "mesos-cni-port-mapper", "chain": "MESOS-E",
		"delegate": {"cniVersion": "0.2.0", "type": "ptp", "ipam": {"type": "host-local", "subnet": "10.200.12.0/24", "dataDir": %q}}}`, filepath.Join(configs, "addresses")), 0o644))
	s.start()
	must(t, s.launch("c1", "echo hello | busybox nc -l -p 80", on("mapped"), func(c *slavepb.ContainerConfig) {
		c.ContainerInfo.NetworkInfos[0].PortMappings = []*mesospb.NetworkInfo_PortMapping{{HostPort: proto.Uint32(31000), ContainerPort: proto.Uint32(80)}}
	}))
	var conn net.Conn
	for conn == nil { // until it listens
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
		conn, err = net.Dial("tcp", "10.200.12.1:31000") // the machine's address on the network
	}
	said, err := io.ReadAll(conn)
	if err != nil || string(said) != "hello\n" {
		t.Errorf("the container says %q (%v)", said, err)
	}
	must(t, conn.Close())
	s.output("c1", "")
	if rules, err := exec.Command("iptables", "-w", "-t", "nat", "-S", "MESOS-E").Output(); err != nil || string(rules) != "-N MESOS-E\n" {
		t.Errorf("rules are left: %s (%v)", rules, err)
	}
	s.nothingLeft()
}
