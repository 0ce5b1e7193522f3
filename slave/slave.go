// Package slave implements Mesos's agent. It offers the resources of a machine to a master, runs the executors that
// frameworks launch on it, and reports the state of their tasks.
//
// [Slave] is the actor that masters, executors and schedulers talk to. Package book holds what it runs, a containerizer
// runs the processes, statusupdate resends status updates, and gc deletes old sandboxes. The other packages are the
// agent's conversations. [Spawn] puts all of them together.
//
// The wire calls an agent a slave, and so does this package where it is about the wire.
package slave

import (
	"time"

	"meseta/actors/authentication/crammd5"
	"meseta/actors/gc"
	"meseta/actors/metrics"
	"meseta/actors/operationupdate"
	"meseta/actors/statusupdate"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/api"
	"meseta/slave/book"
	"meseta/slave/checkpoint"
	"meseta/slave/containerizer"
	"meseta/slave/counts"
	"meseta/slave/drain"
	"meseta/slave/gids"
	"meseta/slave/lifecycle"
	"meseta/slave/line"
	"meseta/slave/membership"
	"meseta/slave/operations"
	"meseta/slave/oversubscription"
	"meseta/slave/reconnect"
	"meseta/slave/recorder"
	"meseta/slave/recovery"
	"meseta/slave/registration"
	"meseta/slave/updates"
	"meseta/slave/wire"
)

// Version is the version of Mesos that agents and masters claim to be.
const Version = wire.Version

// Slave is the agent's actor.
type Slave struct {
	runtime.Actor
	config Config

	containers containerizer.Containerizer
	manager    runtime.Ref[*statusupdate.StatusUpdateManager]
	garbage    runtime.Ref[*gc.GarbageCollector]
	gids       *gids.Manager // nil if volumes have no groups
	disk       runtime.Ref[*disk.Writer]

	operationManager runtime.Ref[*operationupdate.Manager]

	membership *membership.Membership
	described  recovery.Description
	started    time.Time
	book       *book.Book
	drain      drain.Drain
	counts     counts.Counts

	lines        *line.Lines            // to executors
	operations   *operations.Operations // on resources
	recorder     *recorder.Recorder     // what is checkpointed
	updates      *updates.Updates       // of tasks
	executors    *lifecycle.Executors
	reconnection *reconnect.Reconnection    // of an earlier agent's executors
	registration *registration.Registration // with the master
	lending      *oversubscription.Oversubscription
}

// Initialize is the agent's contents page, in Mesos's order: first the agent's parts and what it is, then the handlers of all
// messages and requests, and last the recovery, during which the agent already answers. Before, the program has entered
// control groups of its own, and read the credential and who may use which endpoints; afterwards it heeds signals.
//
// Mesos: Slave::initialize.
func (s *Slave) Initialize() {
	s.started, s.counts.MaxAge = s.Now(), s.config.GCDelay
	s.assemble()
	for _, step := range []func() error{s.initializeLending, s.describe} {
		if err := step(); err != nil {
			s.fatal(err)
			return
		}
	}
	s.openUpdates()
	s.watchDisk()

	s.installRegistration()
	s.installTasks()
	s.installExecutors()
	s.installOperations()
	s.serve()
	metrics.Export(s, s.measure)

	s.recover()
}

// installRegistration installs the master's messages about the agent as a whole.
func (s *Slave) installRegistration() {
	runtime.Install(s, s.registration.Registered)   // SlaveRegisteredMessage
	runtime.Install(s, s.registration.Reregistered) // SlaveReregisteredMessage
	runtime.Install(s, s.registration.Ping)         // PingSlaveMessage
	runtime.Install(s, s.drainAgent)                // DrainSlaveMessage
	runtime.Install(s, s.shutdown)                  // ShutdownMessage
}

// installTasks installs the messages of masters and schedulers about frameworks and their tasks.
func (s *Slave) installTasks() {
	runtime.Install(s, s.runTask)             // RunTaskMessage
	runtime.Install(s, s.runTaskGroup)        // RunTaskGroupMessage
	runtime.Install(s, s.killTask)            // KillTaskMessage
	runtime.Install(s, s.updates.Acknowledge) // StatusUpdateAcknowledgementMessage
	runtime.Install(s, s.schedulerMessage)    // FrameworkToExecutorMessage
	runtime.Install(s, s.updateFramework)     // UpdateFrameworkMessage
	runtime.Install(s, s.shutdownExecutor)    // ShutdownExecutorMessage
	runtime.Install(s, s.shutdownFramework)   // ShutdownFrameworkMessage
}

// installExecutors installs the messages of executors' drivers.
func (s *Slave) installExecutors() {
	runtime.Install(s, s.executors.Register)   // RegisterExecutorMessage
	runtime.Install(s, s.executors.Reregister) // ReregisterExecutorMessage
	runtime.Install(s, s.updates.StatusUpdate) // StatusUpdateMessage
	runtime.Install(s, s.executorMessage)      // ExecutorToFrameworkMessage
}

// installOperations installs the master's messages about operations on resources.
func (s *Slave) installOperations() {
	runtime.Install(s, s.operations.Apply)               // ApplyOperationMessage
	runtime.Install(s, s.operations.Reconcile)           // ReconcileOperationsMessage
	runtime.Install(s, s.operations.Acknowledged)        // AcknowledgeOperationStatusMessage
	runtime.Install(s, s.operations.CheckpointResources) // CheckpointResourcesMessage
}

// serve installs the HTTP routes.
func (s *Slave) serve() {
	api.Install(s, api.Options{
		Version: Version, Build: s.config.Build, Flags: s.config.Flags, Capabilities: wire.Capabilities(), Containers: s.containers,
		Authorizer: s.config.Authorizer, WorkDir: s.config.WorkDir, Disk: s.config.Disk, SwitchUser: s.config.SwitchUser, Heartbeat: s.config.HTTPHeartbeat,
	})
}

func (s *Slave) measure(m *metrics.Sample) {
	s.counts.Measure(m, counts.Moment{
		Uptime: s.Now().Sub(s.started), Registered: s.membership.State() == membership.Running, Book: s.book,
		Total:     append(s.lending.Lent().Proto(), s.membership.Ledger().Total.Proto()...),
		Preempted: s.lending.Preempted(),
	})
}

// assemble makes the parts of the agent and connects them.
func (s *Slave) assemble() {
	s.membership = membership.New(&s.Actor)
	s.lines = line.New(&s.Actor, s.book, s.membership)
	s.operations = operations.New(&s.Actor, operations.Options{
		Root: checkpoint.Root(s.config.WorkDir), Agent: s.membership, Disk: s.disk, Manager: s.operationManager,
		Destroyed: s.destroyed, Over: s.drained, Diverged: func() { s.registration.Redetect() }, Fatal: s.fatal,
	})
	s.recorder = recorder.New(&s.Actor, recorder.Options{
		Root: checkpoint.Root(s.config.WorkDir), Agent: s.membership, Disk: s.disk, Files: s.config.Disk, Garbage: s.garbage,
		GCDelay: s.config.GCDelay, Authorizer: s.config.Authorizer, Fatal: s.fatal,
	})
	s.updates = updates.New(&s.Actor, updates.Options{
		Agent: s.membership, Book: s.book, Containers: s.containers, Lines: s.lines, Recorder: s.recorder, Drain: &s.drain,
		Counts: &s.counts, Manager: s.manager, Hooks: s.config.Hooks,
		Misbehaved: func(e *book.Executor) { s.executors.End(e) },
		NotShrunk:  func(f *book.Framework, e *book.Executor, err error) { s.executors.UpdateFailed(f, e, err) },
		Completed:  func(f *book.Framework, e *book.Executor) { s.executors.Completed(f, e) },
	})
	s.executors = lifecycle.New(&s.Actor, lifecycle.Options{
		Agent: s.membership, Book: s.book, Containers: s.containers, Lines: s.lines, Recorder: s.recorder, Updates: s.updates,
		Counts: &s.counts, Hooks: s.config.Hooks, Disk: s.config.Disk, Networks: s.config.System.Networks, Prepare: s.config.prepare(), SwitchUser: s.config.SwitchUser,
		Registration: s.config.ExecutorRegistration, ShutdownGrace: s.config.ExecutorShutdownGrace,
		AsksAgain: s.config.ReregistrationRetry > 0, Idle: s.leaveIfIdle,
	})
	s.reconnection = reconnect.New(&s.Actor, reconnect.Options{
		Agent: s.membership, Book: s.book, Containers: s.containers, Executors: s.executors, Recorder: s.recorder, Updates: s.updates,
		Timeout: s.config.ExecutorReregistration, Again: s.config.ReregistrationRetry, Fatal: s.cannotRecover,
	})
	s.lending = oversubscription.New(&s.Actor, oversubscription.Options{
		Estimator: s.config.ResourceEstimator, Controller: s.config.QoSController,
		ForwardInterval: s.config.OversubscribedResourcesInterval, CorrectionInterval: s.config.QoSCorrectionInterval,
		Agent: s.membership, Book: s.book, Containers: s.containers, Destroy: s.executors.Destroy,
	})
	s.registration = registration.New(&s.Actor, registration.Options{
		Agent: s.membership, Book: s.book, Updates: s.updates, Operations: s.operations, Lending: s.lending, Recorder: s.recorder,
		Detector: s.config.Detector, Backoff: s.config.RegistrationBackoff, Fatal: s.fatal,
		Authentication: crammd5.NewClient(&s.Actor, s.config.Credential, s.config.AuthenticationBackoff),
	})
}

// initializeLending passes the resource estimator and the QoS controller a function that measures the agent on its
// turns.
func (s *Slave) initializeLending() error {
	self := runtime.RefOf(s)
	return s.lending.Initialize(func() runtime.Future[*mesospb.ResourceUsage] {
		return runtime.Flatten(runtime.Dispatch(self, func(s *Slave) runtime.Future[*mesospb.ResourceUsage] { return s.lending.Usage() }))
	})
}

// describe determines the agent's resources and attributes, and what it is called. It blocks the turn, as in Mesos: what comes
// to the agent meanwhile waits until it knows what it is.
func (s *Slave) describe() (err error) {
	s.described, err = recovery.Describe(s.config.machine(s.Self().Addr))
	return err
}

// openUpdates has the status update managers forward updates on the agent's turns. They are paused until the agent
// registers.
func (s *Slave) openUpdates() {
	self := runtime.RefOf(s)
	runtime.Tell(s.manager, func(m *statusupdate.StatusUpdateManager) {
		m.Open(func(u *internalpb.StatusUpdate) { runtime.Tell(self, func(s *Slave) { s.updates.Forward(u) }) })
	})
	s.updates.Pause()
	s.operations.Open(func(u *operationupdate.Update) { runtime.Tell(self, func(s *Slave) { s.operations.Forward(u) }) })
}

// Finalize terminates everything that belongs to the agent. Its checkpoints stay, even after a shutdown, so that the
// next agent here has its ID; a master that does not accept the ID says so.
//
// Mesos: Slave::finalize.
func (s *Slave) Finalize() {
	for _, child := range []runtime.PID{s.manager.PID(), s.operationManager.PID(), s.garbage.PID(), s.disk.PID()} {
		s.Node().Terminate(child)
	}
	if c, ok := s.containers.(interface{ Close() }); ok {
		c.Close()
	}
}

// Book implements [api.Agent].
func (s *Slave) Book() *book.Book { return s.book }

// Facts implements [api.Agent].
func (s *Slave) Facts() api.Facts {
	if s.membership.State() == membership.Recovering {
		return api.Facts{Recovering: true, Reconnecting: s.reconnection.Open()}
	}
	return api.Facts{
		Info: s.membership.Info(), Total: s.membership.Ledger().Total, Operations: s.operations.List(), Drain: s.drain,
		Leader: s.membership.Leader(), Started: s.started,
	}
}

// Reporting returns the number of tasks with updates on their way to the status update manager. It is for tests, on the
// agent's turn.
func (s *Slave) Reporting() int { return s.updates.Pending() }

// Updates returns the status update manager. It is for tests, on the agent's turn.
func (s *Slave) Updates() runtime.Ref[*statusupdate.StatusUpdateManager] { return s.manager }

// Exited handles a broken connection to the master or an executor. The end of an executor is noticed by the
// containerizer.
//
// Mesos: Slave::exited.
//
// Differs: Mesos waits for its detector to name another master, or for pings to stop. A master that was restarted at
// its address is not another one, so the agent registers again at once, as the scheduler driver does.
func (s *Slave) Exited(pid runtime.PID) {
	if pid == s.membership.Master() {
		s.registration.Disconnected()
		return
	}
	s.Log().Info().Stringer("from", pid).Msg("peer disconnected")
}

// fatal ends an agent that cannot go on.
func (s *Slave) fatal(err error) {
	s.Log().Error().Err(err).Msg("the agent cannot go on")
	if s.config.Fatal == nil {
		panic(err)
	}
	s.config.Fatal(err)
}
