package api

import (
	"net/http"

	"meseta/actors/authorizer"
	"meseta/actors/operator"
	"meseta/master"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/maintenancepb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// routeMaintenance installs the endpoints of maintenance.
func (a *api) routeMaintenance() {
	a.routeOperator(master.ReadwriteRealm, "/maintenance/schedule", "The plan of maintenance; POST replaces it.", a.serveSchedule, http.MethodGet, http.MethodPost)
	a.routeOperator(master.ReadonlyRealm, "/maintenance/status", "Which machines drain or are down.", a.serveMaintenanceStatus, http.MethodGet)
	a.routeOperator(master.ReadwriteRealm, "/machine/down", "Takes machines down that drain: a POST with a list of them.", a.serveMachineDown, http.MethodPost)
	a.routeOperator(master.ReadwriteRealm, "/machine/up", "Brings machines up that are down: a POST with a list of them.", a.serveMachineUp, http.MethodPost)
}

func (a *api) serveSchedule(req *web.Request, body []byte, o operator.Caller) answer {
	if req.Method == http.MethodGet {
		return runtime.Ready(jsonAnswer(req, a.scheduleFor(o)))
	}
	schedule := &maintenancepb.Schedule{}
	if err := mesosjson.Unmarshal(body, schedule); err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	return a.updateSchedule(o, schedule)
}

func (a *api) serveMaintenanceStatus(req *web.Request, _ []byte, o operator.Caller) answer {
	return runtime.Ready(jsonAnswer(req, a.statusFor(o)))
}

func (a *api) serveMachineDown(_ *web.Request, body []byte, o operator.Caller) answer {
	machines, err := readList[mesospb.MachineID](body)
	if err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	return a.machinesDown(o, machines)
}

func (a *api) serveMachineUp(_ *web.Request, body []byte, o operator.Caller) answer {
	machines, err := readList[mesospb.MachineID](body)
	if err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	return a.machinesUp(o, machines)
}

// machinesIn returns the machines of a schedule.
func machinesIn(s *maintenancepb.Schedule) []*mesospb.MachineID {
	var all []*mesospb.MachineID
	for _, w := range s.GetWindows() {
		all = append(all, w.GetMachineIds()...)
	}
	return all
}

// scheduleFor returns the schedule of the machines that o may see.
func (a *api) scheduleFor(o operator.Caller) *maintenancepb.Schedule {
	return a.core.Maintenance().Schedule(func(id *mesospb.MachineID) bool {
		return authorizer.Allows(o.May, authorizationpb.Action_GET_MAINTENANCE_SCHEDULE, machineObject(id))
	})
}

// ---- the calls ----

func (a *api) getMaintenanceStatus(call operatorCall) answer {
	return call.answer(&masterpb.Response{GetMaintenanceStatus: &masterpb.Response_GetMaintenanceStatus{Status: a.statusFor(call.Caller)}})
}

func (a *api) getMaintenanceSchedule(call operatorCall) answer {
	return call.answer(&masterpb.Response{
		GetMaintenanceSchedule: &masterpb.Response_GetMaintenanceSchedule{Schedule: a.scheduleFor(call.Caller)},
	})
}

// statusFor returns the state of the scheduled machines that o may see, and how frameworks answered inverse offers.
func (a *api) statusFor(o operator.Caller) *maintenancepb.ClusterStatus {
	return a.core.MaintenanceStatus(func(id *mesospb.MachineID) bool {
		return authorizer.Allows(o.May, authorizationpb.Action_GET_MAINTENANCE_STATUS, machineObject(id))
	})
}

func (a *api) updateSchedule(o operator.Caller, s *maintenancepb.Schedule) answer {
	if err := a.core.Maintenance().Validate(s); err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	if forbidden := a.forbids(o, authorizationpb.Action_UPDATE_MAINTENANCE_SCHEDULE, objectsOf(machinesIn(s), machineObject)...); forbidden != nil {
		return runtime.Ready(forbidden)
	}
	return done(a.core.UpdateSchedule(s))
}

func (a *api) machinesDown(o operator.Caller, machines []*mesospb.MachineID) answer {
	if err := a.core.Maintenance().ValidateStart(machines); err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	if forbidden := a.forbids(o, authorizationpb.Action_START_MAINTENANCE, objectsOf(machines, machineObject)...); forbidden != nil {
		return runtime.Ready(forbidden)
	}
	return done(a.core.StartMaintenance(machines))
}

func (a *api) machinesUp(o operator.Caller, machines []*mesospb.MachineID) answer {
	if err := a.core.Maintenance().ValidateStop(machines); err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	if forbidden := a.forbids(o, authorizationpb.Action_STOP_MAINTENANCE, objectsOf(machines, machineObject)...); forbidden != nil {
		return runtime.Ready(forbidden)
	}
	return done(a.core.StopMaintenance(machines))
}
