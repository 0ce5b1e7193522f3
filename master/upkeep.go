package master

import (
	"net/http"

	"google.golang.org/protobuf/proto"

	"meseta/actors/registrar"
	"meseta/master/maintenance"
	"meseta/messages/authorizationpb"
	"meseta/messages/internalpb"
	"meseta/messages/maintenancepb"
	"meseta/messages/masterpb"
	"meseta/messages/mesosjson"
	"meseta/messages/mesospb"
	"meseta/messages/registrypb"
	"meseta/runtime"
)

// routeMaintenance installs the endpoints of maintenance.
func (m *Master) routeMaintenance() {
	m.routeOperator(ReadwriteRealm, "/maintenance/schedule", "The plan of maintenance; POST replaces it.", m.serveSchedule, http.MethodGet, http.MethodPost)
	m.routeOperator(ReadonlyRealm, "/maintenance/status", "Which machines drain or are down.", m.serveMaintenanceStatus, http.MethodGet)
	m.routeOperator(ReadwriteRealm, "/machine/down", "Takes machines down that drain: a POST with a list of them.", m.serveMachineDown, http.MethodPost)
	m.routeOperator(ReadwriteRealm, "/machine/up", "Brings machines up that are down: a POST with a list of them.", m.serveMachineUp, http.MethodPost)
}

func (m *Master) serveSchedule(req *runtime.Request, body []byte) answer {
	if req.Method == http.MethodGet {
		return runtime.Ready(jsonAnswer(req, m.plan.Schedule()))
	}
	schedule := &maintenancepb.Schedule{}
	if err := mesosjson.Unmarshal(body, schedule); err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	return m.updateSchedule(schedule)
}

func (m *Master) serveMaintenanceStatus(req *runtime.Request, _ []byte) answer {
	return runtime.Ready(jsonAnswer(req, m.maintenanceStatus()))
}

func (m *Master) serveMachineDown(_ *runtime.Request, body []byte) answer {
	machines, err := readList[mesospb.MachineID](body)
	if err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	return m.machinesDown(machines)
}

func (m *Master) serveMachineUp(_ *runtime.Request, body []byte) answer {
	machines, err := readList[mesospb.MachineID](body)
	if err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	return m.machinesUp(machines)
}

// ---- the calls ----

func (m *Master) getMaintenanceStatus(call operatorCall) answer {
	return call.answer(&masterpb.Response{GetMaintenanceStatus: &masterpb.Response_GetMaintenanceStatus{Status: m.maintenanceStatus()}})
}

func (m *Master) getMaintenanceSchedule(call operatorCall) answer {
	return call.answer(&masterpb.Response{
		GetMaintenanceSchedule: &masterpb.Response_GetMaintenanceSchedule{Schedule: m.plan.Schedule()},
	})
}

// updateSchedule replaces the plan of maintenance. Offers of machines whose plan changes are taken back, since they
// tell when the machine will be out of service, and so are inverse offers.
//
// Mesos: Master::Http::_updateMaintenanceSchedule.
func (m *Master) updateSchedule(s *maintenancepb.Schedule) answer {
	if err := m.plan.Validate(s); err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	actions := []authorizationpb.Action{authorizationpb.Action_UPDATE_MAINTENANCE_SCHEDULE}
	return m.permitted(actions, nil, func() answer {
		return m.replan("update the maintenance schedule", registrar.UpdateSchedule{Schedule: s}, func() {})
	})
}

// machinesDown takes machines of the plan down: their agents are shut down and cannot come back.
//
// Mesos: Master::Http::_startMaintenance.
func (m *Master) machinesDown(machines []*mesospb.MachineID) answer {
	if err := m.plan.ValidateStart(machines); err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	return m.permitted([]authorizationpb.Action{authorizationpb.Action_START_MAINTENANCE}, nil, func() answer {
		return m.replan("start maintenance", registrar.StartMaintenance{Machines: machines}, func() {
			for _, a := range m.book.Agents() {
				if m.plan.IsDown(machineOf(a)) {
					m.Send(a.PID, &internalpb.ShutdownMessage{Message: proto.String(downMessage)})
					m.removeAgent(a, downMessage, nil)
				}
			}
		})
	})
}

const downMessage = "Operator initiated 'Machine DOWN'"

// machinesUp brings machines up again, and takes them out of the plan.
//
// Mesos: Master::Http::_stopMaintenance.
func (m *Master) machinesUp(machines []*mesospb.MachineID) answer {
	if err := m.plan.ValidateStop(machines); err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	return m.permitted([]authorizationpb.Action{authorizationpb.Action_STOP_MAINTENANCE}, nil, func() answer {
		return m.replan("stop maintenance", registrar.StopMaintenance{Machines: machines}, func() {})
	})
}

// replan changes the plan in the registry, takes it over from there, and then does the rest.
func (m *Master) replan(what string, op registrar.Operation, then func()) answer {
	done := runtime.NewPromise[*runtime.Response]()
	m.write(what, op, func() {
		runtime.Await(m, runtime.Dispatch(m.Registrar, (*registrar.Registrar).Registry), func(r *registrypb.Registry, err error) {
			if err != nil {
				m.giveUp(err)
				return
			}
			before := m.plan
			m.plan = maintenance.New(r)
			m.rescindReplanned(before)
			then()
			m.askToLeave()
			done.Set(runtime.OK())
		})
	})
	return done.Future()
}

func (m *Master) rescindReplanned(before maintenance.Plan) {
	for _, a := range m.book.Agents() {
		machine := machineOf(a)
		if proto.Equal(before.Unavailability(machine), m.plan.Unavailability(machine)) {
			continue
		}
		for _, o := range a.Offers() {
			m.rescind(o)
		}
		m.rescindRequestsOn(a)
		m.requests.Forget(func(p maintenance.Pair) bool { return p.Agent == a.ID })
	}
}

// refuseDown shuts an agent down whose machine is out of service.
func (m *Master) refuseDown(from runtime.PID, info *mesospb.SlaveInfo) bool {
	ip := hostOf(from)
	if !m.plan.IsDown(maintenance.MachineOf(&mesospb.MachineID{Hostname: info.Hostname, Ip: &ip})) {
		return false
	}
	m.Log().Warn().Stringer("from", from).Str("hostname", info.GetHostname()).Msg("agent on a machine that is down refused")
	m.Send(from, &internalpb.ShutdownMessage{Message: proto.String("Machine is `DOWN`")})
	return true
}
