package slave

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/actors/gc"
	"meseta/messages/attributes"
	"meseta/messages/equal"
	"meseta/messages/ids"
	"meseta/messages/ledger"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/book"
	"meseta/slave/checkpoint"
	"meseta/slave/probe"
	"meseta/slave/wire"
)

// found is what an agent learns about its machine and its work directory before it looks for a master.
type found struct {
	info    *mesospb.SlaveInfo // with the id of the agent that ran here before, if there was one
	boot    string             // the system's start; empty: it does not tell
	earlier checkpoint.State
}

// recovery is how the agent begins.
type recovery struct{ *Slave }

// recover finds out what the machine has, and whether the agent is one that ran here before. Until that is known the
// agent lets nobody in.
//
// Mesos: Slave::recover. Executors of an earlier run are not recovered yet: they are told to end, and the master hears
// that their tasks are lost.
func (s *recovery) recover() {
	c, root, addr := s.config, s.root, s.Self().Addr
	looked := runtime.Go(s, func(context.Context) (found, error) { return look(c, root, addr) })
	runtime.Await(s, looked, s.recovered)
}

// look blocks.
func look(c Config, root checkpoint.Root, addr string) (found, error) {
	info, err := describeMachine(c, addr)
	if err != nil {
		return found{}, err
	}
	earlier, err := checkpoint.Read(disk.Local{}, root, true)
	if err != nil {
		return found{}, err
	}
	if earlier.Info != nil {
		if err := differences(earlier.Info, info); err != nil {
			return found{}, err
		}
		info = withID(info, ids.AgentOf(earlier.Info.GetId()))
	}
	boot, err := c.System.BootID()
	if err != nil {
		boot = ""
	}
	return found{info: info, boot: boot, earlier: earlier}, nil
}

// describeMachine says what an agent on this machine has, and what it is called.
func describeMachine(c Config, addr string) (*mesospb.SlaveInfo, error) {
	total, err := probe.Resources(probe.Given{Resources: c.Resources, Role: c.Role, WorkDir: c.WorkDir}, c.System)
	if err != nil {
		return nil, fmt.Errorf("determine the resources: %w", err)
	}
	given, err := attributes.Parse(c.Attributes)
	if err != nil {
		return nil, fmt.Errorf("determine the attributes: %w", err)
	}
	ip, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("determine the address: %w", err)
	}
	number, _ := strconv.ParseInt(port, 10, 32)
	return &mesospb.SlaveInfo{
		Hostname: proto.String(cmp.Or(c.Hostname, ip)), Port: proto.Int32(int32(number)), Resources: total.Proto(),
		Attributes: given, Checkpoint: proto.Bool(true), Domain: c.Domain,
	}, nil
}

// differences names what keeps an agent from taking the place of an earlier one.
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

// recovered begins the life of an agent that knows what it is.
//
// Mesos: Slave::__recover.
func (s *recovery) recovered(r found, err error) {
	if err != nil {
		s.fatal(err)
		return
	}
	if s.state == terminating {
		return
	}
	s.info, s.drain.config = r.info, r.earlier.Drain
	s.ledger = ledger.New(r.info.GetResources(), nil, s.ledger.ResourceVersion)
	s.state = disconnected
	s.counts.Recovered(s.Now().Sub(s.started))
	s.Log().Info().Str("pid", s.Self().String()).Str("hostname", s.info.GetHostname()).
		Str("resources", wire.Describe(s.info.GetResources())).Int("attributes", len(s.info.GetAttributes())).
		Stringer("agent_id", s.id()).Msg("agent started")
	for _, warning := range r.earlier.Warnings {
		s.Log().Warn().Msg(warning)
	}
	s.records.boot(r.boot)
	s.dismissOrphans(r.earlier.Orphans())
	s.retireLeftovers(r.earlier.Leftovers)
	s.drain.drained()
	s.Delay(s.config.DiskWatchInterval, s.checkDisk)
	s.registration.detect(nil)
}

// dismissOrphans ends executors that nobody here knows. Those of frameworks that want checkpoints would otherwise wait
// for their agent, while what they use is offered again.
//
// Mesos: Slave::_recover with --recover=cleanup.
func (s *recovery) dismissOrphans(orphans []runtime.PID) {
	for _, pid := range orphans {
		s.Log().Info().Stringer("executor", pid).Msg("shutting down an executor of an earlier run of the agent")
		s.lines.dismiss(book.Line{PID: pid})
	}
}

// retireLeftovers lets directories of earlier runs go when they are as old as others may be. A launch that uses one again
// saves it.
func (s *recovery) retireLeftovers(leftovers []checkpoint.Leftover) {
	now := s.Now()
	for _, l := range leftovers {
		age := max(0, now.Sub(l.Used))
		item := gc.Item{Path: l.Path, In: max(0, s.config.GCDelay-age)}
		runtime.Tell(s.garbage, func(c *gc.GarbageCollector) { c.Schedule(item) })
	}
}
