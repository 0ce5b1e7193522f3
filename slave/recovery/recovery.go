// Package recovery determines what an agent has to know before it looks for a master: the resources of its machine, and
// what an earlier agent left in its work directory. It reads and compares; the agent's actor acts on the result.
package recovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"google.golang.org/protobuf/proto"

	"meseta/actors/hooks"
	"meseta/messages/attributes"
	"meseta/messages/pb/mesospb"
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
	Disk       disk.Disk    // of the work directory
	Hooks      *hooks.Hooks // nil means none
	Policy     Policy       // how the agent may differ from the earlier one
	Strict     bool         // whether a damaged checkpoint is an error, or counts as missing
}

// Found is the result of [Look].
type Found struct {
	Info    *mesospb.SlaveInfo // with the ID of the agent that ran here before, if there was one
	Boot    string             // ID of the system's boot; empty if unknown
	Earlier checkpoint.State
	// Warnings are about the machine, and about hooks that failed. Those about the work directory are in Earlier.
	Warnings []string
}

// Look determines the agent that ran before this one in the work directory. It blocks. It fails if checkpoints are damaged that
// have to be whole, or if the policy forbids that this agent takes the place of the earlier one. After a boot of the system
// this agent is a new one in that case.
//
// Mesos: Slave::recover.
func Look(m Machine, d Description) (Found, error) {
	info, warnings := d.Info, d.Warnings
	boot, err := m.System.BootID()
	if err != nil {
		boot, warnings = "", append(warnings, fmt.Sprintf("failed to read the boot ID: %v", err))
	}
	root := checkpoint.Root(m.WorkDir)
	if err := disk.Recover(m.Disk, m.WorkDir); err != nil {
		return Found{}, failed(root, err, "")
	}
	earlier, err := checkpoint.Read(m.Disk, root, m.Strict)
	if err != nil {
		return Found{}, damaged(m, root, err)
	}
	f := Found{Info: info, Boot: boot, Earlier: earlier, Warnings: warnings}
	if earlier.Info == nil {
		return f, nil
	}
	info.Id = earlier.Info.GetId()
	if err := m.Policy.Compatible(earlier.Info, info); err == nil {
		return f, nil
	} else if !f.Rebooted() {
		return Found{}, incompatible(m, root, err)
	}
	return f.anew(m, root)
}

// Rebooted reports whether the system was started anew since the earlier agent ran, so that no executor can be alive.
func (f Found) Rebooted() bool {
	return f.Boot != "" && f.Earlier.Boot != "" && f.Boot != f.Earlier.Boot
}

// anew makes f the result for a new agent, and forgets the earlier one on disk. It keeps a system whose resources have
// changed while it was down from being refused.
func (f Found) anew(m Machine, root checkpoint.Root) (Found, error) {
	why := m.Policy.Compatible(f.Earlier.Info, f.Info)
	latest := root.Meta().LatestAgent()
	if err := errors.Join(m.Disk.Remove(latest), m.Disk.SyncDir(filepath.Dir(latest))); err != nil {
		return Found{}, failed(root, err, "")
	}
	earlier, err := checkpoint.Read(m.Disk, root, m.Strict)
	if err != nil {
		return Found{}, damaged(m, root, err)
	}
	f.Info.Id, f.Earlier = nil, earlier
	f.Earlier.Warnings = append(f.Earlier.Warnings, "Falling back to recover as a new agent due to error: "+why.Error())
	return f, nil
}

// damaged is the error of an agent that cannot read what an earlier one has left.
func damaged(m Machine, root checkpoint.Root, err error) error {
	if !m.Strict {
		return failed(root, err, "")
	}
	return failed(root, err, "To go on without what cannot be read, try --no-strict.\n")
}

// incompatible is the error of an agent that was changed more than its policy permits.
func incompatible(m Machine, root checkpoint.Root, err error) error {
	if m.Policy == Additive {
		return failed(root, err, "")
	}
	return failed(root, err, "To keep the ID of the agent after a change of its configuration, try --reconfiguration_policy=additive.\n")
}

// Failed is the error of an agent that cannot recover containers or operations, with what its operator can do.
func Failed(root checkpoint.Root, err error) error { return failed(root, err, "") }

// failed is the error of an agent that cannot go on from what an earlier one has left, with what its operator can do.
//
// Mesos: Slave::__recover.
func failed(root checkpoint.Root, err error, advice string) error {
	return fmt.Errorf("Failed to perform recovery: %w\n%sTo start as a new agent, which finds none of the executors that still run:\nrm -f %s",
		err, advice, root.Meta().LatestAgent())
}

// Description is what an agent is.
type Description struct {
	Info     *mesospb.SlaveInfo // without an ID
	Warnings []string           // about the machine, and about hooks that failed
}

// Describe returns what an agent on this machine is: its resources, then its attributes, then what it is called. Hooks change
// resources and attributes right after these were put together. It blocks.
//
// Mesos: Slave::initialize.
func Describe(m Machine) (Description, error) {
	found, err := probe.Resources(probe.Given{Resources: m.Resources, Role: m.Role, WorkDir: m.WorkDir}, m.System)
	if err != nil {
		return Description{}, fmt.Errorf("Failed to determine agent resources: %w", err)
	}
	given, err := attributes.Parse(m.Attributes)
	if err != nil {
		return Description{}, fmt.Errorf("determine the attributes: %w", err)
	}
	ip, port, err := net.SplitHostPort(m.Addr)
	if err != nil {
		return Description{}, fmt.Errorf("determine the address: %w", err)
	}
	number, _ := strconv.ParseInt(port, 10, 32)
	info := &mesospb.SlaveInfo{
		Hostname: proto.String(cmp.Or(m.Hostname, ip)), Port: proto.Int32(int32(number)), Resources: found.Total.Proto(),
	}
	failed := m.decorate(info, given)
	info.Checkpoint, info.Domain = proto.Bool(true), m.Domain
	return Description{info, append(found.Warnings, failed...)}, nil
}

// decorate has the hooks change the resources of an agent, and the attributes that it is given. It returns what they fail
// with.
func (m Machine) decorate(info *mesospb.SlaveInfo, given []*mesospb.Attribute) (failed []string) {
	var err error
	if info.Resources, err = m.Hooks.SlaveResourcesDecorator(context.Background(), info); err != nil {
		failed = append(failed, err.Error())
	}
	info.Attributes = given
	if info.Attributes, err = m.Hooks.SlaveAttributesDecorator(context.Background(), info); err != nil {
		failed = append(failed, err.Error())
	}
	return failed
}
