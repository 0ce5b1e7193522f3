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

// Options tune a [Driver].
type Options struct {
	// ExplicitAcknowledgements leaves it to the scheduler to call [Driver.AcknowledgeStatusUpdate].
	ExplicitAcknowledgements bool
	// SuppressedRoles get no offers until they are revived.
	SuppressedRoles []string
	// OfferConstraints restrict what is offered to each role.
	OfferConstraints *schedulerpb.OfferConstraints
	// RegistrationBackoff bounds the random delay before the first retry of a subscription; the bound doubles with
	// each retry, up to a minute. 0 means 2s. MESOS_REGISTRATION_BACKOFF_FACTOR.
	RegistrationBackoff time.Duration
	// Detector, when set, is asked for the leading master instead of what the master string says.
	Detector election.Detector
}

func (o Options) withDefaults() Options {
	o.RegistrationBackoff = cmp.Or(o.RegistrationBackoff, 2*time.Second)
	return o
}

// Driver connects a [Scheduler] to its master. All methods may be called from anywhere, also from callbacks; they
// never wait, except for [Driver.Join] and [Driver.Run]. Calls made while the driver is not running do nothing and
// return its state.
//
// Mesos: class MesosSchedulerDriver.
type Driver struct {
	node      *runtime.Node
	scheduler Scheduler
	info      *mesospb.FrameworkInfo
	master    string
	options   Options

	life *driver.Life[*SchedulerProcess]
}

// NewDriver prepares a driver on node, which stays the caller's. master is "host:port", a comma-separated list of these
// of which one leads, "file://" and the path of a file that holds either, or ignored if [Options.Detector] is set.
// An id in info makes the driver take over the framework of that id. info must not be changed afterwards.
func NewDriver(node *runtime.Node, s Scheduler, info *mesospb.FrameworkInfo, master string, o Options) *Driver {
	return &Driver{
		node: node, scheduler: s, info: complete(info), master: master, options: o.withDefaults(),
		life: driver.New[*SchedulerProcess](node),
	}
}

// complete fills in the user that tasks run as and the host that the framework is on.
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

// Start begins to look for a master. A master string that makes no sense is told by the Error callback, and aborts.
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

// Stop ends the driver. Without failover the framework is torn down with all its tasks; with it, they wait for another
// scheduler, as long as the framework's failover_timeout says.
func (d *Driver) Stop(failover bool) mesospb.Status {
	return d.life.Stop(func(p *SchedulerProcess) { p.stop(failover) })
}

// Abort ends all callbacks and asks the master for no more offers, but keeps the framework and its tasks.
func (d *Driver) Abort() mesospb.Status { return d.life.Abort((*SchedulerProcess).abort) }

// Join waits until the driver is stopped or aborted. Not for callbacks.
func (d *Driver) Join() mesospb.Status { return d.life.Join() }

// Run is Start and then Join.
func (d *Driver) Run() mesospb.Status { return d.life.Run(d.Start) }

// Done is closed when Join would return.
func (d *Driver) Done() <-chan struct{} { return d.life.Done() }

// Wait returns once the driver's actor is gone, after which nothing refers to the scheduler any more. It ends early
// with ctx.
func (d *Driver) Wait(ctx context.Context) error { return d.life.Wait(ctx) }

// Status returns the driver's state.
func (d *Driver) Status() mesospb.Status { return d.life.Status() }

// PID returns the driver's address once it is started.
func (d *Driver) PID() runtime.PID { return d.life.PID() }
