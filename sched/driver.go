package sched

import (
	"cmp"
	"context"
	"os"
	"os/user"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/driver"
	"meseta/actors/election"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// The states of a [Driver].
const (
	NotStarted = mesospb.Status_DRIVER_NOT_STARTED
	Running    = mesospb.Status_DRIVER_RUNNING
	Aborted    = mesospb.Status_DRIVER_ABORTED
	Stopped    = mesospb.Status_DRIVER_STOPPED
)

// Options configures a [Driver].
type Options struct {
	// ExplicitAcknowledgements requires the scheduler to call [Driver.AcknowledgeStatusUpdate] for each update. If it
	// is false, the driver acknowledges an update after its callback returned.
	ExplicitAcknowledgements bool
	// SuppressedRoles get no offers until [Driver.ReviveOffers]. If it is empty, all roles get offers.
	SuppressedRoles []string
	// OfferConstraints restricts the agents that are offered to each role. nil means no restriction.
	OfferConstraints *schedulerpb.OfferConstraints
	// RegistrationBackoff is the upper bound of the random delay before the first retry of a subscription
	// (MESOS_REGISTRATION_BACKOFF_FACTOR). It doubles with each retry, up to a minute. 0 means 2s.
	RegistrationBackoff time.Duration
	// Credential authenticates the driver with masters that require it. nil means that the driver has none. Its principal
	// must be the one of the framework, if that names one.
	Credential *mesospb.Credential
	// Detector finds the leading master. nil means to find it with the master argument of [NewDriver].
	Detector election.Detector
}

func (o Options) withDefaults() Options {
	o.RegistrationBackoff = cmp.Or(o.RegistrationBackoff, 2*time.Second)
	return o
}

// Driver connects a [Scheduler] to its master. All methods may be called from any goroutine, including in callbacks.
// They do not block, except [Driver.Join], [Driver.Run] and [Driver.Wait]. Calls made while the driver is not running
// do nothing and return its state.
type Driver struct {
	node      *runtime.Node
	scheduler Scheduler
	info      *mesospb.FrameworkInfo
	master    string
	options   Options

	life *driver.Life[*SchedulerProcess]
}

// NewDriver returns a driver that runs on node, which the caller owns. master is "host:port", a comma-separated list
// of these, or "file://" and the path of a file that holds either; it is ignored if [Options.Detector] is set. If info
// has an ID, the driver takes over the framework of that ID. info must not be changed afterwards.
func NewDriver(node *runtime.Node, s Scheduler, info *mesospb.FrameworkInfo, master string, o Options) *Driver {
	return &Driver{
		node: node, scheduler: s, info: complete(info), master: master, options: o.withDefaults(),
		life: driver.New[*SchedulerProcess](node),
	}
}

// complete sets the user that tasks run as and the hostname of the framework if they are missing.
func complete(info *mesospb.FrameworkInfo) *mesospb.FrameworkInfo {
	info = proto.CloneOf(info)
	if info.GetUser() == "" {
		if u, err := user.Current(); err == nil {
			info.User = proto.String(u.Username)
		}
	}
	if info.GetHostname() == "" {
		if host, err := os.Hostname(); err == nil {
			info.Hostname = proto.String(host)
		}
	}
	return info
}

// Start starts the driver, which looks for a master. If the master string is invalid, Start calls the Error callback
// and aborts.
func (d *Driver) Start() mesospb.Status {
	status, err := d.life.Start(d.spawn)
	if err != nil {
		d.scheduler.Error(d, err.Error())
	}
	return status
}

func (d *Driver) spawn() (ref runtime.Ref[*SchedulerProcess], err error) {
	process, err := newProcess(d)
	if err != nil {
		return ref, err
	}
	return runtime.Spawn(d.node, "scheduler-"+ids.NewUUID(d.node.Rand()).String(), process)
}

// Stop stops the driver. Without failover the framework is torn down with all its tasks. With failover they wait for
// another scheduler for the framework's failover_timeout.
func (d *Driver) Stop(failover bool) mesospb.Status {
	return d.life.Stop(func(p *SchedulerProcess) { p.stop(failover) })
}

// Abort stops all callbacks and asks the master for no more offers, but keeps the framework and its tasks.
func (d *Driver) Abort() mesospb.Status { return d.life.Abort((*SchedulerProcess).abort) }

// Join waits until the driver is stopped or aborted. It must not be called in callbacks.
func (d *Driver) Join() mesospb.Status { return d.life.Join() }

// Run calls Start and then Join.
func (d *Driver) Run() mesospb.Status { return d.life.Run(d.Start) }

// Done returns a channel that is closed when Join would return.
func (d *Driver) Done() <-chan struct{} { return d.life.Done() }

// Wait waits until the driver's actor has ended or ctx is done. Afterwards nothing refers to the scheduler any more.
func (d *Driver) Wait(ctx context.Context) error { return d.life.Wait(ctx) }

// Status returns the driver's state.
func (d *Driver) Status() mesospb.Status { return d.life.Status() }

// PID returns the driver's address, or the zero PID before the driver is started.
func (d *Driver) PID() runtime.PID { return d.life.PID() }
