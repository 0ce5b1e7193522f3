package master

import (
	"net/http"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/master/maintenance"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/maintenancepb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/registrypb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// routeMaintenance installs the endpoints of maintenance.
func (m *Master) routeMaintenance() {
	m.routeOperator(ReadwriteRealm, "/maintenance/schedule", "The plan of maintenance; POST replaces it.", m.serveSchedule, http.MethodGet, http.MethodPost)
	m.routeOperator(ReadonlyRealm, "/maintenance/status", "Which machines drain or are down.", m.serveMaintenanceStatus, http.MethodGet)
	m.routeOperator(ReadwriteRealm, "/machine/down", "Takes machines down that drain: a POST with a list of them.", m.serveMachineDown, http.MethodPost)
	m.routeOperator(ReadwriteRealm, "/machine/up", "Brings machines up that are down: a POST with a list of them.", m.serveMachineUp, http.MethodPost)
}

func (m *Master) serveSchedule(req *web.Request, body []byte, o operator) answer {
	if req.Method == http.MethodGet {
		return runtime.Ready(jsonAnswer(req, m.scheduleFor(o)))
	}
	schedule := &maintenancepb.Schedule{}
	if err := mesosjson.Unmarshal(body, schedule); err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	return m.updateSchedule(o, schedule)
}

func (m *Master) serveMaintenanceStatus(req *web.Request, _ []byte, o operator) answer {
	return runtime.Ready(jsonAnswer(req, m.maintenanceStatus(o)))
}

func (m *Master) serveMachineDown(_ *web.Request, body []byte, o operator) answer {
	machines, err := readList[mesospb.MachineID](body)
	if err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	return m.machinesDown(o, machines)
}

func (m *Master) serveMachineUp(_ *web.Request, body []byte, o operator) answer {
	machines, err := readList[mesospb.MachineID](body)
	if err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	return m.machinesUp(o, machines)
}

// machinesIn are the machines of a schedule.
func machinesIn(s *maintenancepb.Schedule) []*mesospb.MachineID {
	var all []*mesospb.MachineID
	for _, w := range s.GetWindows() {
		all = append(all, w.GetMachineIds()...)
	}
	return all
}

// scheduleFor is what is planned for the machines that o may see.
func (m *Master) scheduleFor(o operator) *maintenancepb.Schedule {
	return m.cluster.InverseOffers.Plan().Schedule(func(id *mesospb.MachineID) bool {
		return authorizer.Allows(o.may, authorizationpb.Action_GET_MAINTENANCE_SCHEDULE, machineObject(id))
	})
}

// ---- the calls ----

func (m *Master) getMaintenanceStatus(call operatorCall) answer {
	return call.answer(&masterpb.Response{GetMaintenanceStatus: &masterpb.Response_GetMaintenanceStatus{Status: m.maintenanceStatus(call.operator)}})
}

func (m *Master) getMaintenanceSchedule(call operatorCall) answer {
	return call.answer(&masterpb.Response{
		GetMaintenanceSchedule: &masterpb.Response_GetMaintenanceSchedule{Schedule: m.scheduleFor(call.operator)},
	})
}

// updateSchedule replaces the plan of maintenance. Offers of machines whose plan changes are taken back, since they
// tell when the machine will be out of service, and so are inverse offers.
//
// Mesos: Master::Http::_updateMaintenanceSchedule.
func (m *Master) updateSchedule(o operator, s *maintenancepb.Schedule) answer {
	return runtime.Enqueue(m.planning, func() answer {
		if err := m.cluster.InverseOffers.Plan().Validate(s); err != nil {
			return refused(http.StatusBadRequest, "%v", err)
		}
		if refusal := m.forbids(o, authorizationpb.Action_UPDATE_MAINTENANCE_SCHEDULE, objectsOf(machinesIn(s), machineObject)...); refusal != nil {
			return runtime.Ready(refusal)
		}
		return m.replan("update the maintenance schedule", registrar.UpdateSchedule{Schedule: s}, func() {})
	})
}

// machinesDown takes machines of the plan down: their agents are shut down and cannot come back.
//
// Mesos: Master::Http::_startMaintenance.
func (m *Master) machinesDown(o operator, machines []*mesospb.MachineID) answer {
	return runtime.Enqueue(m.planning, func() answer {
		if err := m.cluster.InverseOffers.Plan().ValidateStart(machines); err != nil {
			return refused(http.StatusBadRequest, "%v", err)
		}
		if refusal := m.forbids(o, authorizationpb.Action_START_MAINTENANCE, objectsOf(machines, machineObject)...); refusal != nil {
			return runtime.Ready(refusal)
		}
		return m.replan("start maintenance", registrar.StartMaintenance{Machines: machines}, func() {
			for _, a := range m.book.Agents() {
				m.removeIfDown(a)
			}
		})
	})
}

// removeIfDown shuts a down if its machine is out of service. Nobody is offered it until the registry knows.
func (m *Master) removeIfDown(a *book.Agent) {
	if !m.cluster.InverseOffers.Plan().IsDown(cluster.MachineOf(a)) {
		return
	}
	m.Send(a.PID, &internalpb.ShutdownMessage{Message: proto.String(downMessage)})
	if a.Active {
		m.cluster.DeactivateAgent(a)
	}
	m.removeAgent(a, downMessage, nil)
}

const downMessage = "Operator initiated 'Machine DOWN'"

// machinesUp brings machines up again, and takes them out of the plan.
//
// Mesos: Master::Http::_stopMaintenance.
func (m *Master) machinesUp(o operator, machines []*mesospb.MachineID) answer {
	return runtime.Enqueue(m.planning, func() answer {
		if err := m.cluster.InverseOffers.Plan().ValidateStop(machines); err != nil {
			return refused(http.StatusBadRequest, "%v", err)
		}
		if refusal := m.forbids(o, authorizationpb.Action_STOP_MAINTENANCE, objectsOf(machines, machineObject)...); refusal != nil {
			return runtime.Ready(refusal)
		}
		return m.replan("stop maintenance", registrar.StopMaintenance{Machines: machines}, func() {})
	})
}

// replan changes the plan in the registry, takes it over from there, and then does the rest. Changes are made one after
// the other, so that each was allowed by the plan that it changes.
func (m *Master) replan(what string, op registrar.Operation, then func()) answer {
	stored := m.settled(what, op, func(bool) *web.Response { return nil }) // the plan is never refused
	done := runtime.NewPromise[*web.Response]()
	runtime.Await(m, stored, func(_ *web.Response, err error) {
		if err != nil {
			done.Fail(err)
			return
		}
		runtime.Await(m, runtime.Dispatch(m.Registrar, (*registrar.Registrar).Registry), func(r *registrypb.Registry, err error) {
			if err != nil {
				done.Fail(err)
				m.giveUp(err)
				return
			}
			m.cluster.InverseOffers.Replan(maintenance.New(r), m.cluster.Offers.RescindOn)
			then()
			m.cluster.InverseOffers.Make()
			done.Set(web.OK())
		})
	})
	return done.Future()
}

// refuseDown shuts an agent down whose machine is out of service.
func (m *Master) refuseDown(from runtime.PID, info *mesospb.SlaveInfo) bool {
	ip := cluster.HostOf(from)
	if !m.cluster.InverseOffers.Plan().IsDown(maintenance.MachineOf(&mesospb.MachineID{Hostname: info.Hostname, Ip: &ip})) {
		return false
	}
	m.Log().Warn().Stringer("from", from).Str("hostname", info.GetHostname()).Msg("agent on a machine that is down refused")
	m.Send(from, &internalpb.ShutdownMessage{Message: proto.String("Machine is `DOWN`")})
	return true
}

// maintenanceStatus is how far those machines of the plan are that o may see, and what frameworks said to leaving them.
func (m *Master) maintenanceStatus(o operator) *maintenancepb.ClusterStatus {
	status := m.cluster.InverseOffers.Plan().Status(func(id *mesospb.MachineID) bool {
		return authorizer.Allows(o.may, authorizationpb.Action_GET_MAINTENANCE_STATUS, machineObject(id))
	})
	for _, draining := range status.GetDrainingMachines() {
		for _, a := range m.book.Agents() {
			if cluster.MachineOf(a) == maintenance.MachineOf(draining.GetId()) {
				draining.Statuses = append(draining.Statuses, m.cluster.InverseOffers.Answers(a.ID)...)
			}
		}
	}
	return status
}
