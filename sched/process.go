package sched

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authentication/crammd5"
	"meseta/actors/election"
	"meseta/actors/metrics"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// SchedulerProcess is the actor behind a [Driver] that communicates with the master. Every run has a new ID, so that a
// master can distinguish a scheduler from its predecessor.
//
// Mesos: class SchedulerProcess.
type SchedulerProcess struct {
	runtime.Actor

	driver      *Driver
	scheduler   Scheduler
	options     Options
	detector    election.Detector
	ownDetector bool // the process has made it

	framework   *mesospb.FrameworkInfo // replaced, never changed, because it may still be being sent
	suppressed  []string               // roles, sorted
	constraints *schedulerpb.OfferConstraints

	master         *mesospb.MasterInfo // the leader; nil if there is none
	leader         runtime.PID         // of master
	connected      bool                // subscribed with master
	unreachable    bool                // no connection to master could be made, which has been logged
	absence        time.Duration       // the last backoff of an authenticating driver whose leader is away
	failover       bool                // this run takes over a framework and is not registered yet
	updateOnResume bool                // the framework's description changed while disconnected
	retry          runtime.Timer       // of the subscription
	authentication *crammd5.Client     // nil if the driver has no credential

	offers map[ids.Offer]offeredBy   // neither accepted nor declined yet
	agents map[ids.Agent]runtime.PID // where this connection launched tasks, for direct messages
}

// offeredBy is the origin of an offer.
type offeredBy struct {
	agent ids.Agent
	pid   runtime.PID
}

func newProcess(d *Driver) (*SchedulerProcess, error) {
	if err := proto.CheckInitialized(d.info); err != nil {
		return nil, fmt.Errorf("the framework's description is incomplete: %w", err)
	}
	found, own := d.options.Detector, d.options.Detector == nil
	if own {
		var err error
		o := election.Options{SessionTimeout: election.DefaultSessionTimeout}
		if found, err = election.Parse(context.Background(), d.node, d.master, o); err != nil {
			return nil, err
		}
	}
	p := &SchedulerProcess{
		driver: d, scheduler: d.scheduler, options: d.options, detector: found, ownDetector: own,
		framework: d.info, suppressed: sorted(d.options.SuppressedRoles), constraints: d.options.OfferConstraints,
		failover: d.info.GetId().GetValue() != "",
		offers:   map[ids.Offer]offeredBy{}, agents: map[ids.Agent]runtime.PID{},
	}
	if p.constraints == nil {
		p.constraints = &schedulerpb.OfferConstraints{}
	}
	return p, nil
}

// measure exports the lengths of the driver's queues.
func (p *SchedulerProcess) measure(s *metrics.Sample) {
	q := p.Queued()
	s.Gauge("scheduler/event_queue_messages", float64(q.Messages))
	s.Gauge("scheduler/event_queue_dispatches", float64(q.Dispatches))
}

// Initialize installs the message handlers and starts to detect the master.
func (p *SchedulerProcess) Initialize() {
	runtime.Install(p, p.frameworkRegistered)
	runtime.Install(p, p.frameworkReregistered)
	runtime.Install(p, p.resourceOffers)
	runtime.Install(p, p.rescindResourceOffer)
	runtime.Install(p, p.statusUpdate)
	runtime.Install(p, p.lostSlave)
	runtime.Install(p, p.exitedExecutor)
	runtime.Install(p, p.executorToFramework)
	runtime.Install(p, p.frameworkError)
	runtime.Install(p, p.event)
	metrics.Export(p, p.measure)

	p.authentication = crammd5.NewClient(&p.Actor, p.options.Credential, crammd5.DefaultBackoff)
	p.detect()
}

// Finalize makes Join return, also when the driver ends with its node.
func (p *SchedulerProcess) Finalize() {
	if p.ownDetector {
		election.Close(p.detector)
	}
	p.finish()
}

// leads reports whether a message from that PID counts: the driver is running and connected, and the PID is the
// leader's.
func (p *SchedulerProcess) leads(from runtime.PID) bool {
	switch {
	case !p.running():
		return false
	case !p.connected:
		p.Log().Debug().Stringer("from", from).Msg("message ignored while disconnected")
		return false
	case from != p.leader || from.IsZero():
		p.Log().Debug().Stringer("from", from).Stringer("master", p.leader).Msg("message from a process other than the leader ignored")
		return false
	}
	return true
}

func (p *SchedulerProcess) running() bool { return p.driver.life.Running() }

// call sends c to the master on the framework's behalf. The driver must be connected.
func (p *SchedulerProcess) call(c *schedulerpb.Call) {
	c.FrameworkId = p.framework.GetId()
	p.Send(p.leader, c)
}

// stop tears the framework down, unless another scheduler is to take over, and ends the actor.
//
// Mesos: SchedulerProcess::stop.
func (p *SchedulerProcess) stop(failover bool) {
	p.Log().Info().Stringer("framework_id", ids.FrameworkOf(p.framework.GetId())).Bool("failover", failover).Msg("driver stopped")
	if p.connected && !failover {
		p.call(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()})
	}
	p.Terminate()
	p.finish()
}

// finish makes Join return. Only the actor calls it, so that Join returns after the actor's last message.
func (p *SchedulerProcess) finish() {
	p.retry.Cancel()
	p.authentication.End()
	p.driver.life.End()
}

func sorted(roles []string) []string {
	roles = slices.Clone(roles)
	slices.Sort(roles)
	return slices.Compact(roles)
}

// with returns a copy of info with the given ID.
func with(info *mesospb.FrameworkInfo, id ids.Framework) *mesospb.FrameworkInfo {
	info = proto.CloneOf(info)
	info.Id = id.Proto()
	return info
}
