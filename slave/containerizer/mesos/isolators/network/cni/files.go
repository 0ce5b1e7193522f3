package cni

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/cnipb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer/mesos"
)

// The files in /etc that describe the network.
const (
	hosts    = "hosts"
	hostname = "hostname"
	resolver = "resolv.conf"
)

const etc = "/etc"

// writeFiles writes the files that a container with interfaces of its own sees. Without name servers, there is no
// resolv.conf.
//
// Mesos: NetworkCniIsolatorProcess::_isolate.
func (x *Isolator) writeFiles(dir containerDir, name string, all []*attachment) error {
	table := "127.0.0.1 localhost\n"
	for _, a := range all {
		if a.result.IP4.IsValid() {
			table += a.result.IP4.String() + " " + name + "\n"
			break
		}
	}
	files := map[string]string{hostname: name, hosts: table}
	if dns := x.dns(all); len(dns.GetNameservers()) > 0 {
		files[resolver] = formatResolver(dns)
	}
	for _, file := range []string{hostname, hosts, resolver} {
		content, found := files[file]
		if !found {
			continue
		}
		if err := os.WriteFile(dir.file(file), []byte(content), 0o644); err != nil {
			return fmt.Errorf("Failed to write the '%s' file: %w", file, err)
		}
	}
	return nil
}

// dns returns the name servers of the networks, or else those that the agent has for them. Of what there can only be one,
// the last network's counts.
func (x *Isolator) dns(all []*attachment) *cnipb.DNS {
	together := &cnipb.DNS{}
	for _, a := range all {
		switch of := x.defaultDNS(a.network); {
		case len(a.result.DNS.GetNameservers()) > 0:
			proto.Merge(together, a.result.DNS)
		case of != nil:
			proto.Merge(together, of)
		}
	}
	return together
}

// defaultDNS returns the name servers that the agent has for a network, or for those that it does not name, or nil.
func (x *Isolator) defaultDNS(network string) (dns *cnipb.DNS) {
	for _, info := range x.options.DNS {
		switch {
		case info.GetNetworkMode() != internalpb.ContainerDNSInfo_MesosInfo_CNI:
		case info.GetNetworkName() == network:
			return info.GetDns()
		case info.NetworkName == nil:
			dns = info.GetDns()
		}
	}
	return dns
}

// formatResolver returns a resolv.conf.
//
// Mesos: spec::formatResolverConfig.
func formatResolver(d *cnipb.DNS) string {
	var b strings.Builder
	if d.Domain != nil {
		b.WriteString("domain " + d.GetDomain() + "\n")
	}
	if len(d.GetSearch()) > 0 {
		b.WriteString("search " + strings.Join(d.GetSearch(), " ") + "\n")
	}
	if len(d.GetOptions()) > 0 {
		b.WriteString("options " + strings.Join(d.GetOptions(), " ") + "\n")
	}
	for _, server := range d.GetNameservers() {
		b.WriteString("nameserver " + server + "\n")
	}
	return b.String()
}

// restricted is how the files are mounted.
const restricted = unix.MS_BIND | unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV

// bind has a file be seen in the container.
func bind(c *mesos.Container, from, to string, flags uint32) {
	c.Init().Mounts = append(c.Init().Mounts, &slavepb.ContainerMountInfo{Source: &from, Target: &to, Flags: proto.Uint32(flags)})
}

// mountFiles has a container see files of its own. The executor of a task with an image sees the agent's file system, and
// its task that of the image, so that both have them.
func mountFiles(c *mesos.Container, dir containerDir) error {
	for _, name := range []string{hosts, hostname, resolver} {
		to, from := filepath.Join(etc, name), dir.file(name)
		if _, err := os.Lstat(from); name == resolver && errors.Is(err, os.ErrNotExist) {
			from = to
		}
		if c.Config.Rootfs != nil {
			bind(c, from, filepath.Join(c.Config.GetRootfs(), to), restricted)
		}
		if c.Setup.Rootfs != nil || from == to {
			continue
		}
		if err := touch(to); err != nil {
			return fmt.Errorf("Unable to create missing mount point %s on host filesystem: %w", to, err)
		}
		bind(c, from, to, restricted)
	}
	return nil
}

// touch makes a file if it does not exist.
func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// shareFiles has a container with an image on the agent's network see the agent's files, which it cannot change.
//
// Differs: a file that the agent does not have is left out, also /etc/resolv.conf.
func shareFiles(c *mesos.Container) {
	if c.Config.Rootfs == nil || debugs(c) {
		return
	}
	for _, name := range []string{hosts, hostname, resolver} {
		path := filepath.Join(etc, name)
		if _, err := os.Stat(path); err == nil {
			bind(c, path, filepath.Join(c.Config.GetRootfs(), path), restricted|unix.MS_RDONLY)
		}
	}
}
