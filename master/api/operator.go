package api

import (
	"context"
	"fmt"
	"io"
	"iter"
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
var operatorCalls = map[masterpb.Call_Type]func(*api, operatorCall) answer{
	masterpb.Call_GET_HEALTH:        (*api).getHealth,
	masterpb.Call_GET_FLAGS:         (*api).getFlags,
	masterpb.Call_GET_VERSION:       (*api).getVersion,
	masterpb.Call_GET_METRICS:       (*api).getMetrics,
	masterpb.Call_GET_LOGGING_LEVEL: (*api).getLoggingLevel,
	masterpb.Call_SET_LOGGING_LEVEL: (*api).setLoggingLevel,
	masterpb.Call_LIST_FILES:        (*api).listFiles,
	masterpb.Call_READ_FILE:         (*api).readFile,

	masterpb.Call_GET_OPERATIONS: (*api).getOperations,
	masterpb.Call_GET_ROLES:      (*api).getRoles,
	masterpb.Call_GET_MASTER:     (*api).getMaster,
	masterpb.Call_TEARDOWN:       (*api).teardownByOperator,
	masterpb.Call_SUBSCRIBE: func(a *api, call operatorCall) answer {
		return runtime.Ready(a.subscribeOperator(call))
	},

	masterpb.Call_DRAIN_AGENT:      (*api).drainAgent,
	masterpb.Call_DEACTIVATE_AGENT: (*api).deactivateAgent,
	masterpb.Call_REACTIVATE_AGENT: (*api).reactivateAgent,
	masterpb.Call_MARK_AGENT_GONE:  (*api).markAgentGone,

	masterpb.Call_GET_MAINTENANCE_STATUS:   (*api).getMaintenanceStatus,
	masterpb.Call_GET_MAINTENANCE_SCHEDULE: (*api).getMaintenanceSchedule,
	masterpb.Call_UPDATE_MAINTENANCE_SCHEDULE: func(a *api, call operatorCall) answer {
		return a.updateSchedule(call.operator, call.GetUpdateMaintenanceSchedule().GetSchedule())
	},
	masterpb.Call_START_MAINTENANCE: func(a *api, call operatorCall) answer {
		return a.machinesDown(call.operator, call.GetStartMaintenance().GetMachines())
	},
	masterpb.Call_STOP_MAINTENANCE: func(a *api, call operatorCall) answer {
		return a.machinesUp(call.operator, call.GetStopMaintenance().GetMachines())
	},

	masterpb.Call_GET_WEIGHTS:    (*api).getWeights,
	masterpb.Call_UPDATE_WEIGHTS: (*api).updateWeights,
	masterpb.Call_GET_QUOTA:      (*api).getQuota,
	masterpb.Call_UPDATE_QUOTA:   (*api).updateQuota,
	masterpb.Call_SET_QUOTA:      (*api).setQuota,
	masterpb.Call_REMOVE_QUOTA:   (*api).removeQuota,

	masterpb.Call_RESERVE_RESOURCES:   (*api).reserveResources,
	masterpb.Call_UNRESERVE_RESOURCES: (*api).unreserveResources,
	masterpb.Call_CREATE_VOLUMES:      (*api).createVolumes,
	masterpb.Call_DESTROY_VOLUMES:     (*api).destroyVolumes,
	masterpb.Call_GROW_VOLUME:         (*api).growVolume,
	masterpb.Call_SHRINK_VOLUME:       (*api).shrinkVolume,
}

// looks are the calls whose answers grow with the cluster: they are drawn beside the master's turns.
var looks = map[masterpb.Call_Type]*view.Call{
	masterpb.Call_GET_STATE:      view.GetState,
	masterpb.Call_GET_AGENTS:     view.GetAgents,
	masterpb.Call_GET_FRAMEWORKS: view.GetFrameworks,
	masterpb.Call_GET_EXECUTORS:  view.GetExecutors,
	masterpb.Call_GET_TASKS:      view.GetTasks,
}

// serveOperator is the operator API.
//
// Mesos: Master::Http::api.
func (a *api) serveOperator(req *web.Request) answer {
	switch {
	case !a.core.Leadership().Leads:
		return a.redirect(req.URL.RequestURI())
	case !a.core.Leadership().Recovered:
		return runtime.Ready(web.Unavailable("Master has not finished recovery"))
	case req.Method != http.MethodPost:
		return runtime.Ready(web.MethodNotAllowed(req, http.MethodPost))
	}
	call, err := readOperatorCall(req)
	if err != nil {
		return runtime.Ready(refusalOf(err))
	}
	a.Log().Debug().Stringer("call", call.GetType()).Str("from", req.Client).Msg("operator call")
	return a.asOperator(req, func(o operator) answer {
		call.operator = o
		return a.serveCall(call)
	})
}

// serveCall answers a valid call of somebody who is known.
func (a *api) serveCall(call operatorCall) answer {
	if look := looks[call.GetType()]; look != nil {
		return runtime.Ready(&web.Response{
			Status: http.StatusOK, Header: http.Header{"Content-Type": {call.media.String()}},
			Content: a.seen(call.operator, func(c *view.Cluster) iter.Seq[[]byte] { return c.Answer(call.media, look) }),
		})
	}
	if serve := operatorCalls[call.GetType()]; serve != nil {
		return serve(a, call)
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
func (a *api) subscribeOperator(call operatorCall) *web.Response {
	pipe := web.NewStream()
	a.core.Follow(func(s *subscribers.Subscribers) { s.Add(call.media, pipe, call.may) })
	return &web.Response{Status: http.StatusOK, Header: http.Header{"Content-Type": {call.media.String()}}, Stream: pipe}
}

// ---- the daemon ----

func (a *api) getHealth(call operatorCall) answer {
	return call.answer(&masterpb.Response{GetHealth: &masterpb.Response_GetHealth{Healthy: proto.Bool(true)}})
}

func (a *api) getFlags(call operatorCall) answer {
	if !authorizer.SeesFlags(call.may) {
		return runtime.Ready(web.Forbidden("403 Forbidden."))
	}
	r := &masterpb.Response_GetFlags{}
	for _, name := range slices.Sorted(maps.Keys(a.core.Config().Flags)) {
		r.Flags = append(r.Flags, &mesospb.Flag{Name: &name, Value: proto.String(a.core.Config().Flags[name])})
	}
	return call.answer(&masterpb.Response{GetFlags: r})
}

func (a *api) getVersion(call operatorCall) answer {
	v := a.core.Config().Build
	info := &mesospb.VersionInfo{
		Version: &v.Version, BuildDate: &v.Date, BuildTime: &v.Time, BuildUser: &v.User,
	}
	if v.GitSHA != "" {
		info.GitSha = &v.GitSHA
	}
	return call.answer(&masterpb.Response{GetVersion: &masterpb.Response_GetVersion{VersionInfo: info}})
}

func (a *api) getMetrics(call operatorCall) answer {
	timeout := time.Duration(call.GetGetMetrics().GetTimeout().GetNanoseconds())
	return runtime.Then(metrics.Of(a.Node(), timeout), func(values []metrics.Value) (*web.Response, error) {
		r := &masterpb.Response_GetMetrics{}
		for i := range values {
			metrics.Flatten(&values[i], func(part string, v float64) {
				r.Metrics = append(r.Metrics, &mesospb.Metric{Name: proto.String(values[i].Key + part), Value: &v})
			})
		}
		return call.respond(&masterpb.Response{GetMetrics: r}), nil
	})
}

func (a *api) getLoggingLevel(call operatorCall) answer {
	respond := func(level int) *web.Response {
		return call.respond(&masterpb.Response{
			GetLoggingLevel: &masterpb.Response_GetLoggingLevel{Level: proto.Uint32(uint32(level))},
		})
	}
	l, ok := runtime.Find[*logging.Logging](a.Node(), logging.ID)
	if !ok {
		return runtime.Ready(respond(0))
	}
	return runtime.Then(runtime.Dispatch(l, (*logging.Logging).Verbosity), func(level int) (*web.Response, error) {
		return respond(level), nil
	})
}

func (a *api) setLoggingLevel(call operatorCall) answer {
	if forbidden := a.forbids(call.operator, authorizationpb.Action_SET_LOG_LEVEL); forbidden != nil {
		return runtime.Ready(forbidden)
	}
	level := int(call.GetSetLoggingLevel().GetLevel())
	duration := time.Duration(call.GetSetLoggingLevel().GetDuration().GetNanoseconds())
	if l, ok := runtime.Find[*logging.Logging](a.Node(), logging.ID); ok {
		runtime.Tell(l, func(l *logging.Logging) { l.Set(level, duration) })
	}
	return runtime.Ready(web.OK())
}

// ---- files ----

func (a *api) listFiles(call operatorCall) answer {
	listed := runtime.Then(files.Browse(a.Node(), call.GetListFiles().GetPath(), call.who), func(infos []*mesospb.FileInfo) (*web.Response, error) {
		return call.respond(&masterpb.Response{ListFiles: &masterpb.Response_ListFiles{FileInfos: infos}}), nil
	})
	return runtime.Recover(listed, fileRefused)
}

func (a *api) readFile(call operatorCall) answer {
	c := call.GetReadFile()
	part := files.Range{Offset: int64(min(c.GetOffset(), math.MaxInt64)), Length: -1}
	if c.Length != nil {
		part.Length = int64(min(c.GetLength(), math.MaxInt64))
	}
	read := runtime.Then(files.Read(a.Node(), c.GetPath(), part, call.who), func(chunk files.Chunk) (*web.Response, error) {
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
func (a *api) getOperations(call operatorCall) answer {
	return call.answer(&masterpb.Response{GetOperations: &masterpb.Response_GetOperations{}})
}

func (a *api) getRoles(call operatorCall) answer {
	look := a.core.Look()
	return runtime.Go(a, func(context.Context) (*web.Response, error) {
		return call.respond(&masterpb.Response{GetRoles: look.For(call.may).RolesMessage()}), nil
	})
}

func (a *api) getMaster(call operatorCall) answer {
	return call.answer(&masterpb.Response{GetMaster: a.core.Look().MasterMessage()})
}
