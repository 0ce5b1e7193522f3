package operator

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/files"
	"meseta/actors/logging"
	"meseta/actors/metrics"
	"meseta/actors/version"
	"meseta/messages/mediatype"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Daemon is what a master or an agent tells about itself.
type Daemon struct {
	Build version.Build
	Flags map[string]string // nil: none
}

// request is a call that is being answered.
type request struct {
	*agentpb.Call
	Caller
	daemon Daemon
	node   *runtime.Node
	media  mediatype.Type // of the answer
}

// common has what answers the calls that masters and agents have in common.
var common = map[agentpb.Call_Type]func(request) Answer{
	agentpb.Call_GET_HEALTH:        request.health,
	agentpb.Call_GET_FLAGS:         request.flags,
	agentpb.Call_GET_VERSION:       request.version,
	agentpb.Call_GET_METRICS:       request.metrics,
	agentpb.Call_GET_LOGGING_LEVEL: request.loggingLevel,
	agentpb.Call_SET_LOGGING_LEVEL: request.setLoggingLevel,
	agentpb.Call_LIST_FILES:        request.listFiles,
	agentpb.Call_READ_FILE:         request.readFile,
}

// permissions are what some of the calls need.
var permissions = map[agentpb.Call_Type]authorizationpb.Action{
	agentpb.Call_GET_FLAGS:         authorizationpb.Action_VIEW_FLAGS,
	agentpb.Call_SET_LOGGING_LEVEL: authorizationpb.Action_SET_LOG_LEVEL,
}

// Serve answers a valid call in the format media. It returns false if masters and agents do not have that call in common.
//
// The calls are those of agents; [OfMaster] makes one of a master's.
//
// Mesos: Master::Http and Slave's Http, getHealth to readFile.
func (d Daemon) Serve(n *runtime.Node, by Caller, call *agentpb.Call, media mediatype.Type) (Answer, bool) {
	serve, ok := common[call.GetType()]
	if !ok {
		return Answer{}, false
	}
	if action, needed := permissions[call.GetType()]; needed && by.Allowed(action) != nil {
		return runtime.Ready(Forbidden()), true
	}
	return serve(request{call, by, d, n, media}), true
}

// OfMaster returns a master's call as an agent's. It returns false if masters and agents do not have that call in common.
// What belongs to other calls is left out.
func OfMaster(call *masterpb.Call) (*agentpb.Call, bool) {
	t, ok := agentpb.Call_Type_value[call.GetType().String()]
	if !ok || common[agentpb.Call_Type(t)] == nil {
		return nil, false
	}
	own := &masterpb.Call{
		GetMetrics: call.GetMetrics, SetLoggingLevel: call.SetLoggingLevel, ListFiles: call.ListFiles, ReadFile: call.ReadFile,
	}
	converted := &agentpb.Call{}
	data, err := proto.MarshalOptions{AllowPartial: true}.Marshal(own)
	if err == nil {
		err = proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(data, converted)
	}
	if err != nil { // these parts agree on the wire, as the package's tests show
		panic(fmt.Sprintf("operator: a master's %s as an agent's: %v", call.GetType(), err))
	}
	converted.Type = agentpb.Call_Type(t).Enum()
	return converted, true
}

// respond writes r, whose type becomes that of the call.
func (c request) respond(r *agentpb.Response) *web.Response {
	r.Type = agentpb.Response_Type(agentpb.Response_Type_value[c.GetType().String()]).Enum()
	return Respond(c.media, r)
}

// ---- the daemon ----

func (c request) health() Answer {
	return runtime.Ready(c.respond(&agentpb.Response{GetHealth: &agentpb.Response_GetHealth{Healthy: proto.Bool(true)}}))
}

func (c request) flags() Answer {
	r := &agentpb.Response_GetFlags{}
	for _, name := range slices.Sorted(maps.Keys(c.daemon.Flags)) {
		r.Flags = append(r.Flags, &mesospb.Flag{Name: &name, Value: proto.String(c.daemon.Flags[name])})
	}
	return runtime.Ready(c.respond(&agentpb.Response{GetFlags: r}))
}

func (c request) version() Answer {
	b := c.daemon.Build
	info := &mesospb.VersionInfo{Version: &b.Version, BuildDate: &b.Date, BuildTime: &b.Time, BuildUser: &b.User}
	if b.GitSHA != "" {
		info.GitSha = &b.GitSHA
	}
	return runtime.Ready(c.respond(&agentpb.Response{GetVersion: &agentpb.Response_GetVersion{VersionInfo: info}}))
}

func (c request) metrics() Answer {
	timeout := time.Duration(c.GetGetMetrics().GetTimeout().GetNanoseconds())
	return runtime.Then(metrics.Of(c.node, timeout), func(values []metrics.Value) (*web.Response, error) {
		r := &agentpb.Response_GetMetrics{}
		for i := range values {
			metrics.Flatten(&values[i], func(part string, v float64) {
				r.Metrics = append(r.Metrics, &mesospb.Metric{Name: proto.String(values[i].Key + part), Value: &v})
			})
		}
		return c.respond(&agentpb.Response{GetMetrics: r}), nil
	})
}

// ---- logging ----

// loggingLevel is 0 where no actor keeps a level.
func (c request) loggingLevel() Answer {
	level := runtime.Ready(0)
	if l, ok := runtime.Find[*logging.Logging](c.node, logging.ID); ok {
		level = runtime.Dispatch(l, (*logging.Logging).Verbosity)
	}
	return runtime.Then(level, func(level int) (*web.Response, error) {
		return c.respond(&agentpb.Response{
			GetLoggingLevel: &agentpb.Response_GetLoggingLevel{Level: proto.Uint32(uint32(level))},
		}), nil
	})
}

func (c request) setLoggingLevel() Answer {
	level := int(min(c.GetSetLoggingLevel().GetLevel(), math.MaxInt32))
	duration := time.Duration(c.GetSetLoggingLevel().GetDuration().GetNanoseconds())
	if l, ok := runtime.Find[*logging.Logging](c.node, logging.ID); ok {
		runtime.Tell(l, func(l *logging.Logging) { l.Set(level, duration) })
	}
	return runtime.Ready(web.OK())
}

// ---- files ----

func (c request) listFiles() Answer {
	listed := files.Browse(c.node, c.GetListFiles().GetPath(), c.Who)
	return runtime.Recover(runtime.Then(listed, func(all []*mesospb.FileInfo) (*web.Response, error) {
		return c.respond(&agentpb.Response{ListFiles: &agentpb.Response_ListFiles{FileInfos: all}}), nil
	}), fileRefused)
}

func (c request) readFile() Answer {
	x := c.GetReadFile()
	part := files.Range{Offset: int64(min(x.GetOffset(), math.MaxInt64)), Length: -1}
	if x.Length != nil {
		part.Length = int64(min(x.GetLength(), math.MaxInt64))
	}
	read := files.Read(c.node, x.GetPath(), part, c.Who)
	return runtime.Recover(runtime.Then(read, func(chunk files.Chunk) (*web.Response, error) {
		return c.respond(&agentpb.Response{
			ReadFile: &agentpb.Response_ReadFile{Size: proto.Uint64(uint64(chunk.Size)), Data: chunk.Data},
		}), nil
	}), fileRefused)
}

func fileRefused(err error) (*web.Response, error) { return files.Refusal(err), nil }
