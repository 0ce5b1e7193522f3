package cluster

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// startGroup starts several masters that share a registry.
func (c *Cluster) startGroup(ctx context.Context) error {
	addresses, err := freeAddresses(c.options.Masters)
	if err != nil {
		return err
	}
	c.Master = strings.Join(addresses, ",")
	for i, a := range addresses {
		_, port, err := net.SplitHostPort(a)
		if err != nil {
			return err
		}
		m, err := c.launchMaster(ctx, fmt.Sprintf("master-%d", i+1), port, false, "--masters="+c.Master)
		if err != nil {
			return err
		}
		c.group = append(c.group, m)
	}
	return nil
}

// freeAddresses returns addresses at which nobody listens. Masters of a group have to know those of the others before they start.
func freeAddresses(n int) ([]string, error) {
	var addresses []string
	for range n {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	}
	return addresses, nil
}

// at returns the master of a group at an address, or nil.
func (c *Cluster) at(addr string) *process {
	for _, m := range c.group {
		if a, err := address(m.pid); err == nil && a == addr {
			return m
		}
	}
	return nil
}

// ProcessAt returns the process ID of the master at addr, "ip:port".
func (c *Cluster) ProcessAt(addr string) (int, error) {
	if m := c.at(addr); m != nil {
		return m.cmd.Process.Pid, nil
	}
	if c.master != nil && addr == c.Master {
		return c.MasterProcess(), nil
	}
	return 0, fmt.Errorf("no master of this cluster is at %s", addr)
}

// KillMaster kills the master of a group at addr with SIGKILL.
func (c *Cluster) KillMaster(addr string) error {
	m := c.at(addr)
	if m == nil {
		return fmt.Errorf("no master of this group is at %s", addr)
	}
	m.kill()
	return nil
}
