package counts

import (
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/actors/metrics"
	"meseta/master/book"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/resources"
)

// ---- agents ----

// resourceNames are the resources that the master sums up.
var resourceNames = []string{"cpus", "gpus", "mem", "disk"}

// MeasureAgents adds the metrics of b's agents and their resources.
func MeasureAgents(s *metrics.Sample, b *book.Book) {
	var connected, active float64
	var total, used amounts
	all := b.Agents()
	for _, a := range all {
		if a.Connected {
			connected++
		}
		if a.Active {
			active++
		}
		total.add(a.Total)
		shared := false
		a.EachHeld(func(rs resources.Resources) { shared = used.add(rs) || shared })
		if shared {
			used.addShared(a.Used().Shared()) // each once, however many tasks use it
		}
	}
	s.Gauge("master/slaves_connected", connected)
	s.Gauge("master/slaves_disconnected", float64(len(all))-connected)
	s.Gauge("master/slaves_active", active)
	s.Gauge("master/slaves_inactive", float64(len(all))-active)
	s.Gauge("master/slaves_unreachable", float64(b.NumUnreachable()))
	for i, name := range resourceNames {
		share(s, "master/"+name+"_", total.firm[i].Float(), used.firm[i].Float())
		share(s, "master/"+name+"_revocable_", total.revocable[i].Float(), used.revocable[i].Float())
	}
}

// amounts holds sums in the order of resourceNames.
type amounts struct{ firm, revocable [4]resources.Quantity }

// add adds the resources that are not shared, and reports whether there were others.
func (sum *amounts) add(rs resources.Resources) (shared bool) {
	for r := range rs.All() {
		if r.IsShared() {
			shared = true
			continue
		}
		sum.addOne(r)
	}
	return shared
}

func (sum *amounts) addShared(rs resources.Resources) {
	for r := range rs.All() {
		sum.addOne(r)
	}
}

func (sum *amounts) addOne(r resources.Resource) {
	i := slices.Index(resourceNames, r.Name())
	switch {
	case i < 0 || r.Type() != resources.ScalarType:
	case r.IsRevocable():
		sum.revocable[i] = sum.revocable[i].Plus(r.Scalar())
	default:
		sum.firm[i] = sum.firm[i].Plus(r.Scalar())
	}
}

func share(s *metrics.Sample, prefix string, total, used float64) {
	percent := 0.0
	if total != 0 {
		percent = used / total
	}
	s.Gauge(prefix+"total", total)
	s.Gauge(prefix+"used", used)
	s.Gauge(prefix+"percent", percent)
}

// ---- frameworks and tasks ----

// MeasureFrameworks adds the metrics of b's frameworks and tasks and, unless hideEach is set, those of each framework.
func MeasureFrameworks(s *metrics.Sample, b *book.Book, hideEach bool) {
	var connected, active float64
	var states book.Tally
	all := b.Frameworks()
	for _, f := range all {
		if f.Connected() {
			connected++
		}
		if f.IsActive() {
			active++
		}
		own := f.TaskStates()
		for state, n := range own {
			states[state] += n
		}
		if !hideEach {
			measureFramework(s, f, &own)
		}
	}
	if !hideEach {
		for _, f := range b.CompletedFrameworks() {
			measureFramework(s, f, &book.Tally{})
		}
	}
	s.Gauge("master/frameworks_connected", connected)
	s.Gauge("master/frameworks_disconnected", float64(len(all))-connected)
	s.Gauge("master/frameworks_active", active)
	s.Gauge("master/frameworks_inactive", float64(len(all))-active)
	for _, state := range []mesospb.TaskState{
		mesospb.TaskState_TASK_STAGING, mesospb.TaskState_TASK_STARTING, mesospb.TaskState_TASK_RUNNING,
		mesospb.TaskState_TASK_KILLING, mesospb.TaskState_TASK_UNREACHABLE,
	} {
		s.Gauge("master/tasks_"+shortState(state), float64(states[state]))
	}
}

// shortState returns "running" for TASK_RUNNING, and so on.
func shortState(state mesospb.TaskState) string {
	return strings.ToLower(strings.TrimPrefix(state.String(), "TASK_"))
}

// measureFramework adds the metrics of f, whose tasks are counted by state in tasks.
//
// Mesos: FrameworkMetrics.
func measureFramework(s *metrics.Sample, f *book.Framework, tasks *book.Tally) {
	prefix := metrics.OfFramework(f.Info)
	c := f.Counts
	s.Flag(prefix+"subscribed", f.Connected())
	s.Counter(prefix+"offers/sent", c.OffersSent)
	s.Counter(prefix+"offers/accepted", c.OffersAccepted)
	s.Counter(prefix+"offers/declined", c.OffersDeclined)
	s.Counter(prefix+"offers/rescinded", c.OffersRescinded)
	tallied(s, prefix+"calls", callNames, &c.Calls)
	tallied(s, prefix+"events", eventNames, &c.Events)
	tallied(s, prefix+"operations", operationNames, &c.Operations)
	for _, state := range activeStates {
		s.Gauge(prefix+"tasks/active/"+state.name, float64(tasks[state.kind]))
	}
	for _, state := range terminalStates {
		s.Counter(prefix+"tasks/terminal/"+state.name, c.Ended[state.kind])
	}
}

func tallied(s *metrics.Sample, key string, kinds []kind, t *book.Tally) {
	s.Counter(key, t.Sum())
	for _, k := range kinds {
		s.Counter(key+"/"+k.name, t[k.kind])
	}
}

// kind is an enum value with its name in metrics.
type kind struct {
	name string
	kind int32
}

// The kinds that metrics count, in the order of their numbers.
var (
	callNames      = kindsOf(schedulerpb.Call_Type_name, 1)
	eventNames     = kindsOf(schedulerpb.Event_Type_name, 1)
	operationNames = kindsOf(mesospb.Offer_Operation_Type_name, 1)

	activeStates = kindsNamed(mesospb.TaskState_TASK_STAGING, mesospb.TaskState_TASK_STARTING,
		mesospb.TaskState_TASK_RUNNING, mesospb.TaskState_TASK_KILLING, mesospb.TaskState_TASK_UNREACHABLE,
		mesospb.TaskState_TASK_UNKNOWN)
	terminalStates = kindsNamed(mesospb.TaskState_TASK_FINISHED, mesospb.TaskState_TASK_FAILED,
		mesospb.TaskState_TASK_KILLED, mesospb.TaskState_TASK_ERROR, mesospb.TaskState_TASK_LOST,
		mesospb.TaskState_TASK_DROPPED, mesospb.TaskState_TASK_GONE, mesospb.TaskState_TASK_GONE_BY_OPERATOR)
)

// kindsOf returns the values of an enum from a number on.
func kindsOf(names map[int32]string, from int32) []kind {
	var kinds []kind
	for _, n := range slices.Sorted(maps.Keys(names)) {
		if n >= from {
			kinds = append(kinds, kind{strings.ToLower(names[n]), n})
		}
	}
	return kinds
}

func kindsNamed(states ...mesospb.TaskState) []kind {
	var kinds []kind
	for _, s := range states {
		kinds = append(kinds, kind{strings.ToLower(s.String()), int32(s)})
	}
	return kinds
}

// ---- what happened ----

// conversation is a metric of messages. Calls with the same meaning count too.
type conversation struct {
	name    string
	message proto.Message
	call    schedulerpb.Call_Type
}

var conversations = []conversation{
	{"authenticate", &internalpb.AuthenticateMessage{}, 0},
	{"deactivate_framework", &internalpb.DeactivateFrameworkMessage{}, 0},
	{"executor_to_framework", &internalpb.ExecutorToFrameworkMessage{}, 0},
	{"exited_executor", &internalpb.ExitedExecutorMessage{}, 0},
	{"framework_to_executor", &internalpb.FrameworkToExecutorMessage{}, schedulerpb.Call_MESSAGE},
	{"kill_task", &internalpb.KillTaskMessage{}, schedulerpb.Call_KILL},
	{"operation_status_update", &internalpb.UpdateOperationStatusMessage{}, 0},
	{"operation_status_update_acknowledgement", nil, schedulerpb.Call_ACKNOWLEDGE_OPERATION_STATUS},
	{"reconcile_operations", nil, schedulerpb.Call_RECONCILE_OPERATIONS},
	{"reconcile_tasks", &internalpb.ReconcileTasksMessage{}, schedulerpb.Call_RECONCILE},
	{"register_slave", &internalpb.RegisterSlaveMessage{}, 0},
	{"reregister_slave", &internalpb.ReregisterSlaveMessage{}, 0},
	{"resource_request", &internalpb.ResourceRequestMessage{}, schedulerpb.Call_REQUEST},
	{"revive_offers", &internalpb.ReviveOffersMessage{}, schedulerpb.Call_REVIVE},
	{"status_update", &internalpb.StatusUpdateMessage{}, 0},
	{"status_update_acknowledgement", &internalpb.StatusUpdateAcknowledgementMessage{}, schedulerpb.Call_ACKNOWLEDGE},
	{"suppress_offers", nil, schedulerpb.Call_SUPPRESS},
	{"unregister_framework", &internalpb.UnregisterFrameworkMessage{}, schedulerpb.Call_TEARDOWN},
	{"unregister_slave", &internalpb.UnregisterSlaveMessage{}, 0},
	{"update_slave", &internalpb.UpdateSlaveMessage{}, 0},
}

// Measure adds the metrics of the counters.
//
// Mesos: Metrics.
func (c *Counts) Measure(s *metrics.Sample) {
	s.Counter("master/dropped_messages", c.Dropped)
	for _, of := range conversations {
		var n uint64
		if of.message != nil {
			n = c.messages(of.message)
		}
		if of.call != schedulerpb.Call_UNKNOWN {
			n += c.calls[of.call]
		}
		s.Counter("master/messages_"+of.name, n)
	}
	s.Counter("master/messages_register_framework", c.registers)
	s.Counter("master/messages_reregister_framework", c.reregisters)
	s.Counter("master/messages_launch_tasks", c.launches)
	s.Counter("master/messages_decline_offers", c.Declines)
	c.Updates.measure(s, "status_updates")
	c.Acknowledgements.measure(s, "status_update_acknowledgements")
	c.OperationUpdates.measure(s, "operation_status_updates")
	c.OperationAcknowledgements.measure(s, "operation_status_update_acknowledgements")
	c.Operations.measure(s)
	c.ToExecutors.measure(s, "framework_to_executor_messages")
	c.ToFrameworks.measure(s, "executor_to_framework_messages")
	for _, state := range terminalStates {
		s.Counter("master/tasks_"+shortState(mesospb.TaskState(state.kind)), c.tasks[state.kind])
	}
	for of, n := range c.reasons {
		s.Counter(strings.ToLower("master/"+of.state.String()+"/"+of.source.String()+"/"+of.reason.String()), n)
	}
	c.measureAgents(s)
}

func (v *Validity) measure(s *metrics.Sample, name string) {
	s.Counter("master/valid_"+name, v.Valid)
	s.Counter("master/invalid_"+name, v.Invalid)
}

func (c *Counts) measureAgents(s *metrics.Sample) {
	a := &c.Agents
	s.Counter("master/slave_registrations", a.Registrations)
	s.Counter("master/slave_reregistrations", a.Reregistrations)
	s.Counter("master/slave_removals", a.Removals)
	s.Counter("master/slave_removals/reason_unhealthy", a.Unhealthy)
	s.Counter("master/slave_removals/reason_unregistered", a.Unregistered)
	s.Counter("master/slave_removals/reason_registered", a.Replaced)
	s.Counter("master/recovery_slave_removals", a.LostInRecovery)
	s.Counter("master/slave_unreachable_scheduled", a.Unreachable.Scheduled)
	s.Counter("master/slave_unreachable_completed", a.Unreachable.Completed)
	s.Counter("master/slave_unreachable_canceled", a.Unreachable.Canceled)
	for _, key := range neverCounted {
		s.Counter(key, 0)
	}
}

// neverCounted lists metrics that stay 0 but whose absence exporters and dashboards of Mesos report. They count agents
// being shut down, which become unreachable instead, in Mesos as here, and hits of a response cache, which is not
// needed here.
var neverCounted = []string{
	"master/http_cache_hits",
	"master/slave_shutdowns_scheduled",
	"master/slave_shutdowns_completed",
	"master/slave_shutdowns_canceled",
}
