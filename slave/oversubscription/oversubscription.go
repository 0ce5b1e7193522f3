// Package oversubscription offers resources that were given to executors but are not used.
//
// A [ResourceEstimator] estimates their amount. The agent reports it to its master, which offers it as revocable
// resources. A [QoSController] decides which executors on such resources disturb others, and the agent kills these.
// [FixedResourceEstimator] and [LoadQoSController] are Mesos's own.
package oversubscription

import (
	"fmt"
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
	"meseta/slave/updates"
)

// Usage returns the resources of every executor of the agent, with its usage. It may be called from anywhere.
type Usage func() runtime.Future[*mesospb.ResourceUsage]

// ResourceEstimator estimates which resources may be offered as revocable.
//
// Mesos: ResourceEstimator.
type ResourceEstimator interface {
	// Initialize is called once, before any other method.
	Initialize(n *runtime.Node, usage Usage) error
	// Oversubscribable completes with the revocable resources that may be offered now, in addition to those that
	// executors have already. It may wait until the estimate changes.
	Oversubscribable() runtime.Future[resources.Resources]
}

// QoSController keeps revocable executors from disturbing the others.
//
// Mesos: QoSController.
type QoSController interface {
	// Initialize is called once, before any other method.
	Initialize(n *runtime.Node, usage Usage) error
	// Corrections completes with what the agent has to do now. It may wait until there is something to do.
	Corrections() runtime.Future[[]*slavepb.QoSCorrection]
}

// Options configures [Oversubscription]. The parts of the agent and Destroy are required.
type Options struct {
	Estimator  ResourceEstimator // nil means that nothing is offered
	Controller QoSController     // nil means that nothing is taken back

	ForwardInterval    time.Duration // time between two estimates
	CorrectionInterval time.Duration // time between two corrections

	Agent      *membership.Membership
	Book       *book.Book
	Containers containerizer.Containerizer
	// Destroy kills the container of an executor whose tasks end as the outcome says.
	Destroy func(*book.Executor, updates.Outcome)
}

// Oversubscription is the agent's part in oversubscription. It belongs to the agent's actor and may be used only on its
// turns.
type Oversubscription struct {
	*runtime.Actor // the agent's
	options        Options
	estimated      bool
	oversubscribed resources.Resources // by the latest estimate, including what executors have
	preempted      uint64

	estimating, correcting trouble
}

// trouble is true while a module fails each time. That it goes on is not worth a line each time.
type trouble bool

// begins notes a failure, and reports whether it is the first one.
func (x *trouble) begins() bool {
	before := *x
	*x = true
	return !bool(before)
}

// ends notes that the module has answered, and reports whether it had failed before.
func (x *trouble) ends() bool {
	before := *x
	*x = false
	return bool(before)
}

// New returns the oversubscription of the agent whose actor is actor.
func New(actor *runtime.Actor, o Options) *Oversubscription {
	return &Oversubscription{Actor: actor, options: o}
}

// Initialize initializes the estimator and the controller.
//
// Mesos: Slave::initialize.
func (o *Oversubscription) Initialize(usage Usage) error {
	if e := o.options.Estimator; e != nil {
		if err := e.Initialize(o.Node(), usage); err != nil {
			return fmt.Errorf("Failed to initialize the resource estimator: %w", err)
		}
	}
	if c := o.options.Controller; c != nil {
		if err := c.Initialize(o.Node(), usage); err != nil {
			return fmt.Errorf("Failed to initialize the QoS Controller: %w", err)
		}
	}
	return nil
}

// Begin starts to ask the estimator and the controller periodically.
func (o *Oversubscription) Begin() {
	if o.options.Estimator != nil {
		o.estimate()
	}
	if o.options.Controller != nil {
		o.correct()
	}
}

// Lent returns the total of revocable resources, by the latest estimate.
func (o *Oversubscription) Lent() resources.Resources { return o.oversubscribed }

// Preempted returns the number of executors that were killed.
func (o *Oversubscription) Preempted() uint64 { return o.preempted }

// Report adds the latest estimate, if there is one, to a message to the master.
//
// Mesos: Slave::generateUpdateSlaveMessage.
func (o *Oversubscription) Report(m *internalpb.UpdateSlaveMessage) {
	if o.estimated {
		m.UpdateOversubscribedResources = proto.Bool(true)
		m.OversubscribedResources = o.oversubscribed.Proto()
	}
}

// estimate asks the estimator.
//
// Mesos: Slave::forwardOversubscribed.
func (o *Oversubscription) estimate() {
	runtime.Await(o, o.options.Estimator.Oversubscribable(), func(rs resources.Resources, err error) {
		if firm := rs.NonRevocable(); err == nil && !firm.IsEmpty() {
			err = fmt.Errorf("estimate ignored: these resources are not revocable: %s", firm)
		}
		switch {
		case err != nil && o.estimating.begins():
			o.Log().Error().Err(err).Msg("failed to get oversubscribable resources; what is lent stays the same, and nothing more is logged until there is an estimate again")
		case err == nil:
			if o.estimating.ends() {
				o.Log().Info().Msg("the resource estimator answers again")
			}
			o.forward(rs)
		}
		o.Delay(o.options.ForwardInterval, o.estimate)
	})
}

// forward tells the master the total of revocable resources, if it has changed.
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

// held returns the revocable resources that executors have.
func (o *Oversubscription) held() resources.Resources {
	var all []*mesospb.Resource
	for f := range o.options.Book.Frameworks() {
		for e := range f.Executors() {
			all = append(all, e.Resources()...)
		}
	}
	return resources.FromValid(all).Revocable().Unallocate()
}
