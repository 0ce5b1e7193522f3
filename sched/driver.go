package sched

import (
	"cmp"
	"context"
	"os"
	"os/user"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/detector"
	"meseta/messages/ids"
	"meseta/messages/mesospb"
	"meseta/messages/schedulerpb"
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
	Detector detector.Detector
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

	mu      sync.Mutex
	status  mesospb.Status
	process runtime.Ref[*SchedulerProcess]

	running atomic.Bool   // false as soon as Stop or Abort is called
	over    chan struct{} // closed by the process once it has said its last word
}

// NewDriver prepares a driver on node, which stays the caller's. master is "host:port", a comma-separated list of these
// of which one leads, "file://" and the path of a file that holds either, or ignored if [Options.Detector] is set.
// An id in info makes the driver take over the framework of that id. info must not be changed afterwards.
func NewDriver(node *runtime.Node, s Scheduler, info *mesospb.FrameworkInfo, master string, o Options) *Driver {
	return &Driver{
		node: node, scheduler: s, info: complete(info), master: master, options: o.withDefaults(),
		status: NotStarted, over: make(chan struct{}),
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
	status, err := d.start()
	if err != nil {
		d.scheduler.Error(d, err.Error())
	}
	return status
}

func (d *Driver) start() (mesospb.Status, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.status != NotStarted {
		return d.status, nil
	}
	process, err := newProcess(d)
	if err == nil {
		id := "scheduler-" + ids.NewUUID(d.node.Rand()).String()
		d.running.Store(true)
		d.process, err = runtime.Spawn(d.node, id, process)
	}
	if err != nil {
		d.running.Store(false)
		d.status = Aborted
		close(d.over)
		return d.status, err
	}
	d.status = Running
	return d.status, nil
}

// Stop ends the driver. Without failover the framework is torn down with all its tasks; with it, they wait for another
// scheduler, as long as the framework's failover_timeout says.
func (d *Driver) Stop(failover bool) mesospb.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.status != Running && d.status != Aborted {
		return d.status
	}
	aborted := d.status == Aborted
	d.running.Store(false)
	d.tell(func(p *SchedulerProcess) { p.stop(failover) })
	d.status = Stopped
	if aborted {
		return Aborted
	}
	return Stopped
}

// Abort ends all callbacks and asks the master for no more offers, but keeps the framework and its tasks.
func (d *Driver) Abort() mesospb.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.status != Running {
		return d.status
	}
	d.running.Store(false)
	d.tell((*SchedulerProcess).abort)
	d.status = Aborted
	return d.status
}

// Join waits until the driver is stopped or aborted. Not for callbacks.
func (d *Driver) Join() mesospb.Status {
	if d.Status() != NotStarted {
		<-d.over
	}
	return d.Status()
}

// Run is Start and then Join.
func (d *Driver) Run() mesospb.Status {
	if status := d.Start(); status != Running {
		return status
	}
	return d.Join()
}

// Done is closed when Join would return.
func (d *Driver) Done() <-chan struct{} { return d.over }

// Wait returns once the driver's actor is gone, after which nothing refers to the scheduler any more. It ends early
// with ctx.
func (d *Driver) Wait(ctx context.Context) error {
	d.mu.Lock()
	process := d.process
	d.mu.Unlock()
	if process.IsZero() {
		return nil
	}
	return d.node.Wait(ctx, process.PID())
}

// Status returns the driver's state.
func (d *Driver) Status() mesospb.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.status
}

// PID returns the driver's address once it is started.
func (d *Driver) PID() runtime.PID {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.process.PID()
}

func (d *Driver) tell(f func(*SchedulerProcess)) {
	if !d.process.IsZero() {
		runtime.Tell(d.process, f)
	}
}

// do hands f to the process if the driver is running.
func (d *Driver) do(f func(*SchedulerProcess)) mesospb.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.status == Running {
		d.tell(f)
	}
	return d.status
}
