// Package oversubscription lends what executors were given and do not use.
//
// A [ResourceEstimator] says how much of it there is; the agent tells its master, which offers it as revocable resources. A
// [QoSController] says which executors on such resources disturb the others, and the agent kills those.
// [FixedResourceEstimator] and [LoadQoSController] are Mesos's own.
package oversubscription

import (
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/containerizer"
	"meseta/slave/membership"
)

// Usage measures what every executor of the agent was given and uses. It may be called from anywhere.
type Usage func() runtime.Future[*mesospb.ResourceUsage]

// ResourceEstimator says which resources may be lent.
//
// Mesos: ResourceEstimator.
type ResourceEstimator interface {
	// Initialize is called once, before any other method.
	Initialize(n *runtime.Node, usage Usage) error
	// Oversubscribable completes with the revocable resources that may be offered now, beside those that executors hold
	// already. It may take as long as the estimator has nothing new to say.
	Oversubscribable() runtime.Future[resources.Resources]
}

// QoSController keeps revocable executors from disturbing the others.
//
// Mesos: QoSController.
type QoSController interface {
	// Initialize is called once, before any other method.
	Initialize(n *runtime.Node, usage Usage) error
	// Corrections completes with what the agent should do now. It may take as long as there is nothing to do.
	Corrections() runtime.Future[[]*slavepb.QoSCorrection]
}

// Options say for which agent resources are lent. Agent, Book and Containers are required.
type Options struct {
	Estimator  ResourceEstimator // nil: nothing is lent
	Controller QoSController     // nil: nothing is taken back

	ForwardInterval    time.Duration // between two estimates
	CorrectionInterval time.Duration // between two corrections

	Agent      *membership.Membership
	Book       *book.Book
	Containers containerizer.Containerizer
}

// Oversubscription is the agent's part in lending. It belongs to the agent's actor and may be used only on its turns.
type Oversubscription struct {
	*runtime.Actor // the agent's
	options        Options
	estimated      bool
	oversubscribed resources.Resources // by the last estimate, including what executors hold
	preempted      uint64
}

// New returns the oversubscription of the agent that is actor.
func New(actor *runtime.Actor, o Options) *Oversubscription {
	return &Oversubscription{Actor: actor, options: o}
}

// Initialize tells the estimator and the controller how to measure the agent.
func (o *Oversubscription) Initialize(usage Usage) error {
	if e := o.options.Estimator; e != nil {
		if err := e.Initialize(o.Node(), usage); err != nil {
			return err
		}
	}
	if c := o.options.Controller; c != nil {
		return c.Initialize(o.Node(), usage)
	}
	return nil
}

// Begin starts to ask the estimator and the controller, again and again.
func (o *Oversubscription) Begin() {
	if o.options.Estimator != nil {
		o.estimate()
	}
	if o.options.Controller != nil {
		o.correct()
	}
}

// Lent is what may be used by revocable tasks in all, by the last estimate.
func (o *Oversubscription) Lent() resources.Resources { return o.oversubscribed }

// Preempted counts the executors that were killed.
func (o *Oversubscription) Preempted() uint64 { return o.preempted }

// Report adds to what the master is told of the agent how much it may lend, once that was estimated.
//
// Mesos: Slave::generateUpdateSlaveMessage.
func (o *Oversubscription) Report(m *internalpb.UpdateSlaveMessage) {
	if o.estimated {
		m.UpdateOversubscribedResources = proto.Bool(true)
		m.OversubscribedResources = o.oversubscribed.Proto()
	}
}

// estimate asks how much may be lent.
//
// Mesos: Slave::forwardOversubscribed.
func (o *Oversubscription) estimate() {
	runtime.Await(o, o.options.Estimator.Oversubscribable(), func(rs resources.Resources, err error) {
		switch {
		case err != nil:
			o.Log().Error().Err(err).Msg("failed to get oversubscribable resources")
		case !rs.NonRevocable().IsEmpty():
			o.Log().Error().Stringer("resources", rs.NonRevocable()).Msg("estimate ignored: these resources are not revocable")
		default:
			o.forward(rs)
		}
		o.Delay(o.options.ForwardInterval, o.estimate)
	})
}

// forward tells the master what may be lent in all, if that has changed.
//
// Mesos: Slave::_forwardOversubscribed.
func (o *Oversubscription) forward(oversubscribable resources.Resources) {
	total := o.held().Plus(oversubscribable)
	changed := !o.estimated || !o.oversubscribed.Equal(total)
	o.estimated, o.oversubscribed = true, total
	if !changed || o.options.Agent.State() != membership.Running {
		return
	}
	o.Log().Info().Stringer("resources", total).Msg("forwarding total oversubscribed resources")
	m := &internalpb.UpdateSlaveMessage{SlaveId: o.options.Agent.Info().GetId()}
	o.Report(m)
	o.options.Agent.SendMaster(m)
}

// held is what executors hold of what was lent.
func (o *Oversubscription) held() resources.Resources {
	var all []*mesospb.Resource
	for f := range o.options.Book.Frameworks() {
		for e := range f.Executors() {
			all = append(all, e.Resources()...)
		}
	}
	return resources.FromValid(all).Revocable().Unallocate()
}
