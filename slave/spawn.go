package slave

import (
	"cmp"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"google.golang.org/protobuf/proto"

	"meseta/actors/gc"
	"meseta/actors/statusupdate"
	"meseta/messages/attributes"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/containerizer"
	"meseta/slave/paths"
	"meseta/slave/probe"
)

// Spawn starts an agent on a node, as slave(1) if it is the node's first, with all the actors it needs; they end with
// it. It looks at the system and at the work directory before it returns, so it is not for actors to call.
func Spawn(n *runtime.Node, c Config) (runtime.Ref[*Slave], error) {
	none := runtime.Ref[*Slave]{}
	c = c.complete()
	if err := c.validate(); err != nil {
		return none, fmt.Errorf("agent: %w", err)
	}
	root, err := filepath.Abs(c.WorkDir)
	if err != nil {
		return none, fmt.Errorf("agent: %w", err)
	}
	c.WorkDir = root
	s := &Slave{
		config: c, root: paths.Root(root), detector: c.Detector, system: c.System,
		book: book.New(c.limits()), pingTimeout: defaultPingTimeout,
	}
	if s.info, err = identify(n, c, s.root); err != nil {
		return none, fmt.Errorf("agent: %w", err)
	}
	s.leftovers, s.orphans = leftovers(s.root, s.id()), orphans(s.root, s.id())
	if err := s.spawnParts(n); err != nil {
		return none, err
	}
	ref, err := runtime.Spawn(n, n.NewID("slave"), s)
	if err != nil {
		return none, err
	}
	runtime.Tell(s.updates, func(m *statusupdate.StatusUpdateManager) {
		m.Open(func(u *internalpb.StatusUpdate) { runtime.Tell(ref, func(s *Slave) { s.forward(u) }) })
	})
	runtime.Tell(s.disk, func(r *recorder) {
		r.failed = func(err error) { runtime.Tell(ref, func(s *Slave) { s.fatal(err) }) }
	})
	return ref, nil
}

func (s *Slave) spawnParts(n *runtime.Node) (err error) {
	if s.updates, err = runtime.Spawn(n, n.NewID("task-status-update-manager"), statusupdate.New(statusupdate.Options{})); err != nil {
		return err
	}
	if s.garbage, err = runtime.Spawn(n, n.NewID("agent-garbage-collector"), gc.New(gc.Options{})); err != nil {
		return err
	}
	if s.disk, err = runtime.Spawn(n, n.NewID("checkpoint-recorder"), &recorder{}); err != nil {
		return err
	}
	s.containers = s.config.Containerizer
	if s.containers == nil {
		s.containers, err = containerizer.NewPosix(n, containerizer.Options{
			WorkDir: s.config.WorkDir, FrameworksHome: s.config.FrameworksHome, StallTimeout: s.config.FetcherStallTimeout,
		})
	}
	return err
}

// identify finds out what this agent is: what it has, what it is called, and whether it is one that ran here before.
func identify(n *runtime.Node, c Config, root paths.Root) (*mesospb.SlaveInfo, error) {
	total, err := probe.Resources(probe.Given{Resources: c.Resources, Role: c.Role, WorkDir: c.WorkDir}, c.System)
	if err != nil {
		return nil, fmt.Errorf("determine the resources: %w", err)
	}
	given, err := attributes.Parse(c.Attributes)
	if err != nil {
		return nil, fmt.Errorf("determine the attributes: %w", err)
	}
	ip, port, err := net.SplitHostPort(n.Addr())
	if err != nil {
		return nil, fmt.Errorf("determine the address: %w", err)
	}
	number, _ := strconv.ParseInt(port, 10, 32)
	info := &mesospb.SlaveInfo{
		Hostname: proto.String(cmp.Or(c.Hostname, ip)), Port: proto.Int32(int32(number)), Resources: total.Proto(),
		Attributes: given, Checkpoint: proto.Bool(true), Domain: c.Domain,
	}
	earlier, err := recoverInfo(root)
	if err != nil || earlier == nil {
		return info, err
	}
	if err := differences(earlier, info); err != nil {
		return nil, err
	}
	return withID(info, ids.AgentOf(earlier.GetId())), nil
}
