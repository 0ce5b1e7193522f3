package master

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/actors/files"
	"meseta/actors/logging"
	"meseta/actors/metrics"
	"meseta/master/subscribers"
	"meseta/master/validate"
	"meseta/master/view"
	"meseta/messages/evolve"
	"meseta/messages/mediatype"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/v1/masterv1pb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// operatorCall is a call of the operator API.
type operatorCall struct {
	*masterpb.Call
	operator
	media mediatype.Type // of the answer
}

// operatorCalls has what answers each call, but for those that only look; see [looks].
var operatorCalls = map[masterpb.Call_Type]func(*Master, operatorCall) answer{
	masterpb.Call_GET_HEALTH:        (*Master).getHealth,
	masterpb.Call_GET_FLAGS:         (*Master).getFlags,
	masterpb.Call_GET_VERSION:       (*Master).getVersion,
	masterpb.Call_GET_METRICS:       (*Master).getMetrics,
	masterpb.Call_GET_LOGGING_LEVEL: (*Master).getLoggingLevel,
	masterpb.Call_SET_LOGGING_LEVEL: (*Master).setLoggingLevel,
	masterpb.Call_LIST_FILES:        (*Master).listFiles,
	masterpb.Call_READ_FILE:         (*Master).readFile,

	masterpb.Call_GET_OPERATIONS: (*Master).getOperations,
	masterpb.Call_GET_ROLES:      (*Master).getRoles,
	masterpb.Call_GET_MASTER:     (*Master).getMaster,
	masterpb.Call_TEARDOWN:       (*Master).teardownByOperator,
	masterpb.Call_SUBSCRIBE: func(m *Master, call operatorCall) answer {
		return runtime.Ready(m.subscribeOperator(call))
	},

	masterpb.Call_DRAIN_AGENT:      (*Master).drainAgent,
	masterpb.Call_DEACTIVATE_AGENT: (*Master).deactivateByOperator,
	masterpb.Call_REACTIVATE_AGENT: (*Master).reactivateByOperator,
	masterpb.Call_MARK_AGENT_GONE:  (*Master).markAgentGone,

	masterpb.Call_GET_MAINTENANCE_STATUS:   (*Master).getMaintenanceStatus,
	masterpb.Call_GET_MAINTENANCE_SCHEDULE: (*Master).getMaintenanceSchedule,
	masterpb.Call_UPDATE_MAINTENANCE_SCHEDULE: func(m *Master, call operatorCall) answer {
		return m.updateSchedule(call.operator, call.GetUpdateMaintenanceSchedule().GetSchedule())
	},
	masterpb.Call_START_MAINTENANCE: func(m *Master, call operatorCall) answer {
		return m.machinesDown(call.operator, call.GetStartMaintenance().GetMachines())
	},
	masterpb.Call_STOP_MAINTENANCE: func(m *Master, call operatorCall) answer {
		return m.machinesUp(call.operator, call.GetStopMaintenance().GetMachines())
	},

	masterpb.Call_GET_WEIGHTS:    (*Master).getWeights,
	masterpb.Call_UPDATE_WEIGHTS: (*Master).updateWeights,
	masterpb.Call_GET_QUOTA:      (*Master).getQuota,
	masterpb.Call_UPDATE_QUOTA:   (*Master).updateQuota,
	masterpb.Call_SET_QUOTA:      (*Master).setQuota,
	masterpb.Call_REMOVE_QUOTA:   (*Master).removeQuota,

	masterpb.Call_RESERVE_RESOURCES:   (*Master).reserveResources,
	masterpb.Call_UNRESERVE_RESOURCES: (*Master).unreserveResources,
	masterpb.Call_CREATE_VOLUMES:      (*Master).createVolumes,
	masterpb.Call_DESTROY_VOLUMES:     (*Master).destroyVolumes,
	masterpb.Call_GROW_VOLUME:         (*Master).growVolume,
	masterpb.Call_SHRINK_VOLUME:       (*Master).shrinkVolume,
}

// looks are the calls whose answers grow with the cluster: they are drawn beside the master's turns.
var looks = map[masterpb.Call_Type]*view.Call{
	masterpb.Call_GET_STATE:      view.GetState,
	masterpb.Call_GET_AGENTS:     view.GetAgents,
	masterpb.Call_GET_FRAMEWORKS: view.GetFrameworks,
	masterpb.Call_GET_EXECUTORS:  view.GetExecutors,
	masterpb.Call_GET_TASKS:      view.GetTasks,
}

// answer is what an HTTP client will get.
type answer = runtime.Future[*web.Response]

// serveOperator is the operator API.
//
// Mesos: Master::Http::api.
func (m *Master) serveOperator(req *web.Request) answer {
	switch {
	case !m.leads():
		return m.redirect(req.URL.RequestURI())
	case m.recovered != isRecovered:
		return runtime.Ready(web.Unavailable("Master has not finished recovery"))
	case req.Method != http.MethodPost:
		return runtime.Ready(web.MethodNotAllowed(req, http.MethodPost))
	}
	call, err := readOperatorCall(req)
	if err != nil {
		return runtime.Ready(refusalOf(err))
	}
	m.Log().Debug().Stringer("call", call.GetType()).Str("from", req.Client).Msg("operator call")
	return m.asOperator(req, func(o operator) answer {
		call.operator = o
		return m.serveCall(call)
	})
}

// serveCall answers a valid call of somebody who is known.
func (m *Master) serveCall(call operatorCall) answer {
	if look := looks[call.GetType()]; look != nil {
		return runtime.Ready(&web.Response{
			Status: http.StatusOK, Header: http.Header{"Content-Type": {call.media.String()}},
			Content: m.cluster.Look().For(call.may).Answer(call.media, look),
		})
	}
	if serve := operatorCalls[call.GetType()]; serve != nil {
		return serve(m, call)
	}
	return runtime.Ready(web.Text(http.StatusNotImplemented, "501 Not Implemented."))
}

func readOperatorCall(req *web.Request) (call operatorCall, err error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return call, fmt.Errorf("read the request: %w", err)
	}
	v1 := &masterv1pb.Call{}
	if err := mediatype.Read(req.Header, body, v1); err != nil {
		return call, err
	}
	call.Call = evolve.Devolve[masterpb.Call](v1)
	if err := validate.OperatorCall(call.Call); err != nil {
		return call, fmt.Errorf("Failed to validate master::Call: %w", err)
	}
	call.media, err = mediatype.ForAnswer(req.Header)
	return call, err
}

// respond answers a call with r, whose type is the call's.
func (call operatorCall) respond(r *masterpb.Response) *web.Response {
	r.Type = masterpb.Response_Type(masterpb.Response_Type_value[call.GetType().String()]).Enum()
	return &web.Response{
		Status: http.StatusOK, Header: http.Header{"Content-Type": {call.media.String()}}, Body: view.Answer(call.media, r),
	}
}

func (call operatorCall) answer(r *masterpb.Response) answer { return runtime.Ready(call.respond(r)) }

// subscribeOperator answers SUBSCRIBE of the operator API.
//
// Mesos: Master::Http::subscribe.
func (m *Master) subscribeOperator(call operatorCall) *web.Response {
	pipe := web.NewStream()
	m.cluster.Feed.Add(func(s *subscribers.Subscribers) { s.Add(call.media, pipe, call.may) })
	return &web.Response{Status: http.StatusOK, Header: http.Header{"Content-Type": {call.media.String()}}, Stream: pipe}
}

// ---- the daemon ----

func (m *Master) getHealth(call operatorCall) answer {
	return call.answer(&masterpb.Response{GetHealth: &masterpb.Response_GetHealth{Healthy: proto.Bool(true)}})
}

func (m *Master) getFlags(call operatorCall) answer {
	if !authorizer.SeesFlags(call.may) {
		return runtime.Ready(web.Forbidden("403 Forbidden."))
	}
	r := &masterpb.Response_GetFlags{}
	for _, name := range slices.Sorted(maps.Keys(m.config.Flags)) {
		r.Flags = append(r.Flags, &mesospb.Flag{Name: &name, Value: proto.String(m.config.Flags[name])})
	}
	return call.answer(&masterpb.Response{GetFlags: r})
}

func (m *Master) getVersion(call operatorCall) answer {
	v := m.config.Build
	info := &mesospb.VersionInfo{
		Version: &v.Version, BuildDate: &v.Date, BuildTime: &v.Time, BuildUser: &v.User,
	}
	if v.GitSHA != "" {
		info.GitSha = &v.GitSHA
	}
	return call.answer(&masterpb.Response{GetVersion: &masterpb.Response_GetVersion{VersionInfo: info}})
}

func (m *Master) getMetrics(call operatorCall) answer {
	timeout := time.Duration(call.GetGetMetrics().GetTimeout().GetNanoseconds())
	return runtime.Then(metrics.Of(m.Node(), timeout), func(values []metrics.Value) (*web.Response, error) {
		r := &masterpb.Response_GetMetrics{}
		for i := range values {
			metrics.Flatten(&values[i], func(part string, v float64) {
				r.Metrics = append(r.Metrics, &mesospb.Metric{Name: proto.String(values[i].Key + part), Value: &v})
			})
		}
		return call.respond(&masterpb.Response{GetMetrics: r}), nil
	})
}

func (m *Master) getLoggingLevel(call operatorCall) answer {
	respond := func(level int) *web.Response {
		return call.respond(&masterpb.Response{
			GetLoggingLevel: &masterpb.Response_GetLoggingLevel{Level: proto.Uint32(uint32(level))},
		})
	}
	l, ok := runtime.Find[*logging.Logging](m.Node(), logging.ID)
	if !ok {
		return runtime.Ready(respond(0))
	}
	return runtime.Then(runtime.Dispatch(l, (*logging.Logging).Verbosity), func(level int) (*web.Response, error) {
		return respond(level), nil
	})
}

func (m *Master) setLoggingLevel(call operatorCall) answer {
	if refusal := m.forbids(call.operator, authorizationpb.Action_SET_LOG_LEVEL); refusal != nil {
		return runtime.Ready(refusal)
	}
	level := int(call.GetSetLoggingLevel().GetLevel())
	duration := time.Duration(call.GetSetLoggingLevel().GetDuration().GetNanoseconds())
	if l, ok := runtime.Find[*logging.Logging](m.Node(), logging.ID); ok {
		runtime.Tell(l, func(l *logging.Logging) { l.Set(level, duration) })
	}
	return runtime.Ready(web.OK())
}

// ---- files ----

func (m *Master) listFiles(call operatorCall) answer {
	listed := runtime.Then(files.Browse(m.Node(), call.GetListFiles().GetPath(), call.who), func(infos []*mesospb.FileInfo) (*web.Response, error) {
		return call.respond(&masterpb.Response{ListFiles: &masterpb.Response_ListFiles{FileInfos: infos}}), nil
	})
	return runtime.Recover(listed, fileRefused)
}

func (m *Master) readFile(call operatorCall) answer {
	c := call.GetReadFile()
	part := files.Range{Offset: int64(min(c.GetOffset(), math.MaxInt64)), Length: -1}
	if c.Length != nil {
		part.Length = int64(min(c.GetLength(), math.MaxInt64))
	}
	read := runtime.Then(files.Read(m.Node(), c.GetPath(), part, call.who), func(chunk files.Chunk) (*web.Response, error) {
		return call.respond(&masterpb.Response{
			ReadFile: &masterpb.Response_ReadFile{Size: proto.Uint64(uint64(chunk.Size)), Data: chunk.Data},
		}), nil
	})
	return runtime.Recover(read, fileRefused)
}

// fileRefused answers who asks for a file that is not to be had.
func fileRefused(err error) (*web.Response, error) { return files.Refusal(err), nil }

// ---- the cluster ----

// getOperations lists none: this master does not follow operations.
func (m *Master) getOperations(call operatorCall) answer {
	return call.answer(&masterpb.Response{GetOperations: &masterpb.Response_GetOperations{}})
}

func (m *Master) getRoles(call operatorCall) answer {
	look := m.cluster.Look().For(call.may)
	return runtime.Go(m, func(context.Context) (*web.Response, error) {
		return call.respond(&masterpb.Response{GetRoles: look.RolesMessage()}), nil
	})
}

func (m *Master) getMaster(call operatorCall) answer {
	return call.answer(&masterpb.Response{GetMaster: m.cluster.Look().MasterMessage()})
}
