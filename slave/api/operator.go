package api

import (
	"maps"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/files"
	"meseta/actors/logging"
	"meseta/actors/metrics"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// answer is what an HTTP client will get.
type answer = runtime.Future[*web.Response]

// operatorCalls has what answers the calls of operators. What belongs to features that are not there yet is answered as
// if they were not used, or refused.
var operatorCalls = map[agentpb.Call_Type]func(*API, *apiCall) answer{
	agentpb.Call_GET_HEALTH:        (*API).apiHealth,
	agentpb.Call_GET_FLAGS:         (*API).apiFlags,
	agentpb.Call_GET_VERSION:       (*API).apiVersion,
	agentpb.Call_GET_METRICS:       (*API).apiMetrics,
	agentpb.Call_GET_LOGGING_LEVEL: (*API).apiLoggingLevel,
	agentpb.Call_SET_LOGGING_LEVEL: (*API).apiSetLoggingLevel,
	agentpb.Call_LIST_FILES:        (*API).apiListFiles,
	agentpb.Call_READ_FILE:         (*API).apiReadFile,

	agentpb.Call_GET_AGENT:      (*API).apiAgent,
	agentpb.Call_GET_STATE:      (*API).apiState,
	agentpb.Call_GET_TASKS:      (*API).apiTasks,
	agentpb.Call_GET_EXECUTORS:  (*API).apiExecutors,
	agentpb.Call_GET_FRAMEWORKS: (*API).apiFrameworks,
	agentpb.Call_GET_CONTAINERS: (*API).apiContainers,

	agentpb.Call_GET_OPERATIONS:                  (*API).apiOperations,
	agentpb.Call_GET_RESOURCE_PROVIDERS:          (*API).apiResourceProviders,
	agentpb.Call_ADD_RESOURCE_PROVIDER_CONFIG:    (*API).apiAddProvider,
	agentpb.Call_UPDATE_RESOURCE_PROVIDER_CONFIG: (*API).apiUpdateProvider,
	agentpb.Call_REMOVE_RESOURCE_PROVIDER_CONFIG: (*API).apiRemoveProvider,
	agentpb.Call_MARK_RESOURCE_PROVIDER_GONE:     (*API).apiProviderGone,
	agentpb.Call_PRUNE_IMAGES:                    (*API).apiNothingToDo,
}

// ---- the daemon ----

func (a *API) apiHealth(c *apiCall) answer {
	return runtime.Ready(c.answer(&agentpb.Response{GetHealth: &agentpb.Response_GetHealth{Healthy: proto.Bool(true)}}))
}

func (a *API) apiFlags(c *apiCall) answer {
	r := &agentpb.Response_GetFlags{}
	for _, name := range slices.Sorted(maps.Keys(a.options.Flags)) {
		r.Flags = append(r.Flags, &mesospb.Flag{Name: &name, Value: proto.String(a.options.Flags[name])})
	}
	return runtime.Ready(c.answer(&agentpb.Response{GetFlags: r}))
}

func (a *API) apiVersion(c *apiCall) answer {
	b := a.options.Build
	info := &mesospb.VersionInfo{Version: &b.Version, BuildDate: &b.Date, BuildTime: &b.Time, BuildUser: &b.User}
	if b.GitSHA != "" {
		info.GitSha = &b.GitSHA
	}
	return runtime.Ready(c.answer(&agentpb.Response{GetVersion: &agentpb.Response_GetVersion{VersionInfo: info}}))
}

func (a *API) apiMetrics(c *apiCall) answer {
	timeout := time.Duration(c.GetGetMetrics().GetTimeout().GetNanoseconds())
	return runtime.Then(metrics.Of(a.Node(), timeout), func(values []metrics.Value) (*web.Response, error) {
		r := &agentpb.Response_GetMetrics{}
		for i := range values {
			metrics.Flatten(&values[i], func(part string, v float64) {
				r.Metrics = append(r.Metrics, &mesospb.Metric{Name: proto.String(values[i].Key + part), Value: &v})
			})
		}
		return c.answer(&agentpb.Response{GetMetrics: r}), nil
	})
}

func (a *API) apiLoggingLevel(c *apiCall) answer {
	respond := func(level int) (*web.Response, error) {
		return c.answer(&agentpb.Response{
			GetLoggingLevel: &agentpb.Response_GetLoggingLevel{Level: proto.Uint32(uint32(level))},
		}), nil
	}
	l, ok := runtime.Find[*logging.Logging](a.Node(), logging.ID)
	if !ok {
		return runtime.Then(runtime.Ready(0), respond)
	}
	return runtime.Then(runtime.Dispatch(l, (*logging.Logging).Verbosity), respond)
}

func (a *API) apiSetLoggingLevel(c *apiCall) answer {
	level := int(min(c.GetSetLoggingLevel().GetLevel(), math.MaxInt32))
	duration := time.Duration(c.GetSetLoggingLevel().GetDuration().GetNanoseconds())
	if l, ok := runtime.Find[*logging.Logging](a.Node(), logging.ID); ok {
		runtime.Tell(l, func(l *logging.Logging) { l.Set(level, duration) })
	}
	return runtime.Ready(web.OK())
}

func (a *API) apiNothingToDo(*apiCall) answer { return runtime.Ready(web.OK()) }

// ---- files ----

func (a *API) apiListFiles(c *apiCall) answer {
	listed := runtime.Then(files.Browse(a.Node(), c.GetListFiles().GetPath(), c.who), func(all []*mesospb.FileInfo) (*web.Response, error) {
		return c.answer(&agentpb.Response{ListFiles: &agentpb.Response_ListFiles{FileInfos: all}}), nil
	})
	return runtime.Recover(listed, fileRefused)
}

func (a *API) apiReadFile(c *apiCall) answer {
	x := c.GetReadFile()
	at := files.Range{Offset: int64(min(x.GetOffset(), math.MaxInt64)), Length: -1}
	if x.Length != nil {
		at.Length = int64(min(x.GetLength(), math.MaxInt64))
	}
	read := runtime.Then(files.Read(a.Node(), x.GetPath(), at, c.who), func(chunk files.Chunk) (*web.Response, error) {
		return c.answer(&agentpb.Response{
			ReadFile: &agentpb.Response_ReadFile{Size: proto.Uint64(uint64(chunk.Size)), Data: chunk.Data},
		}), nil
	})
	return runtime.Recover(read, fileRefused)
}

// fileRefused answers who asks for a file that is not to be had.
func fileRefused(err error) (*web.Response, error) { return files.Refusal(err), nil }
