// Package recovery determines what an agent has to know before it looks for a master: the resources of its machine, and
// what an earlier agent left in its work directory. It reads and compares; the agent's actor acts on the result.
package recovery

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/attributes"
	"meseta/messages/equal"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime/disk"
	"meseta/slave/checkpoint"
	"meseta/slave/probe"
)

// Machine describes the machine of an agent, with the configuration about it.
type Machine struct {
	Addr       string              // host:port on which the agent listens
	WorkDir    string              // absolute path of the directory for sandboxes and checkpoints
	Hostname   string              // empty means the host of Addr
	Resources  string              // text or JSON; those that are not named are read from System
	Role       string              // of resources without a role
	Attributes string              // as in "rack:r1;zone:z1"
	Domain     *mesospb.DomainInfo // nil means none
	System     probe.System
	Disk       disk.Disk // of the work directory
}

// Found is the result of [Look].
type Found struct {
	Info    *mesospb.SlaveInfo // with the ID of the agent that ran here before, if there was one
	Boot    string             // ID of the system's boot; empty if unknown
	Earlier checkpoint.State
}

// Look determines the resources of the machine and the agent that ran in its work directory before. It blocks. It fails
// if the earlier agent is incompatible with this one.
func Look(m Machine) (Found, error) {
	info, err := describe(m)
	if err != nil {
		return Found{}, err
	}
	earlier, err := checkpoint.Read(m.Disk, checkpoint.Root(m.WorkDir), true)
	if err != nil {
		return Found{}, err
	}
	if earlier.Info != nil {
		if err := differences(earlier.Info, info); err != nil {
			return Found{}, err
		}
		info.Id = earlier.Info.GetId()
	}
	boot, err := m.System.BootID()
	if err != nil {
		boot = ""
	}
	return Found{Info: info, Boot: boot, Earlier: earlier}, nil
}

// describe returns the SlaveInfo of an agent on this machine.
func describe(m Machine) (*mesospb.SlaveInfo, error) {
	total, err := probe.Resources(probe.Given{Resources: m.Resources, Role: m.Role, WorkDir: m.WorkDir}, m.System)
	if err != nil {
		return nil, fmt.Errorf("determine the resources: %w", err)
	}
	given, err := attributes.Parse(m.Attributes)
	if err != nil {
		return nil, fmt.Errorf("determine the attributes: %w", err)
	}
	ip, port, err := net.SplitHostPort(m.Addr)
	if err != nil {
		return nil, fmt.Errorf("determine the address: %w", err)
	}
	number, _ := strconv.ParseInt(port, 10, 32)
	return &mesospb.SlaveInfo{
		Hostname: proto.String(cmp.Or(m.Hostname, ip)), Port: proto.Int32(int32(number)), Resources: total.Proto(),
		Attributes: given, Checkpoint: proto.Bool(true), Domain: m.Domain,
	}, nil
}

// differences returns an error that names the differences for which an agent cannot replace an earlier one.
//
// Mesos: compatibility::equal.
func differences(earlier, now *mesospb.SlaveInfo) error {
	var what []string
	different := func(field string, equal bool) {
		if !equal {
			what = append(what, field)
		}
	}
	different("hostname", earlier.GetHostname() == now.GetHostname())
	different("port", earlier.GetPort() == now.GetPort())
	different("resources", resources.FromValid(earlier.GetResources()).Equal(resources.FromValid(now.GetResources())))
	different("attributes", equal.Attributes(earlier.GetAttributes(), now.GetAttributes()))
	different("domain", equal.Domain(earlier.GetDomain(), now.GetDomain()))
	if len(what) == 0 {
		return nil
	}
	return fmt.Errorf("the agent that ran here before had another %s; remove the link meta/slaves/latest in the work "+
		"directory to start as a new agent", strings.Join(what, ", "))
}
