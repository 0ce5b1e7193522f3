package master_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/mediatype"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/quotapb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/runtime/web/webtest"
)

// tried lists what the crawler sends to every endpoint, besides requests without a body. A new endpoint needs a line here, be it
// an empty one.
func tried() map[string][]string {
	machines := fmt.Sprintf(`[{"hostname":%q,"ip":%q}]`, judgedMachine.GetHostname(), judgedMachine.GetIp())
	const resources = `[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"role":"dev","reservation":{}}]`
	volume := func(id string) string {
		return `&volumes=[{"name":"disk","type":"SCALAR","scalar":{"value":8},"role":"dev","reservation":{},"disk":{"persistence":{"id":"` + id + `"},"volume":{"mode":"RW","container_path":"v"}}}]`
	}
	agent, framework := "slaveId="+judgedAgent.GetValue(), mastertest.ID+"-0000"
	return map[string][]string{
		"/master/health": nil, "/master/redirect": nil, "/master/flags": nil, "/master/frameworks": nil, "/master/roles": nil,
		"/master/slaves": nil, "/master/state": nil, "/master/state-summary": nil, "/master/tasks": nil,
		"/master/maintenance/status": nil, "/registrar(1)/registry": nil, "/allocator/offer_constraints_debug": nil,
		"/master/api/v1": nil, "/master/api/v1/scheduler": nil, // by its calls
		"/master/create-volumes":       {agent + volume("new")},
		"/master/destroy-volumes":      {agent + volume("v")},
		"/master/machine/down":         {machines},
		"/master/machine/up":           {machines},
		"/master/maintenance/schedule": {`{"windows":[]}`, `{"windows":[{"machine_ids":` + machines + `,"unavailability":{"start":{"nanoseconds":2}}}]}`},
		"/master/quota":                {`{"role":"dev","force":true,"guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]}`},
		"/master/reserve":              {agent + "&resources=" + resources},
		"/master/unreserve":            {agent + "&resources=" + resources},
		"/master/teardown":             {"frameworkId=" + framework},
		"/master/weights":              {`[{"role":"dev","weight":3}]`},
		"/logging/toggle":              {"level=1&duration=1secs"},
		"/metrics/snapshot":            nil, "/metrics/": nil, "/system/stats.json": nil, "/version/": nil,
		"/files/browse": {"path=/master/log"}, "/files/read": {"path=/master/log&offset=0"}, "/files/download": {"path=/master/log"},
		"/files/debug": nil,
	}
}

// open lists what the crawler sees of what is hidden, although it may see nothing, and why.
var open = map[string]string{
	`/registrar(1)/registry "dev"`:                     "is in the realm of readers and not filtered, as in Mesos (golden/auth/3-acls-nothing)",
	"/master/state-summary " + mastertest.ID + "-0000": "lists the IDs of the frameworks of each agent, as in Mesos (golden/auth/3-acls-nothing)",
	"/master/state-summary secret":                     "has the name of the cluster, as in Mesos, whose /state has it only with VIEW_FLAGS",
}

// hiddenWords are in the cluster that [judged] returns. Strangers do not know them.
var hiddenWords = []string{"hidden-framework", "hidden-past", "secret", "owner", `"dev"`, mastertest.ID + "-0000"}

// crawler tries everything, and notes which answers have a hidden word.
type crawler struct {
	*mastertest.Cluster
	node *runtime.Node
	saw  map[string]bool
}

func newCrawler(t *testing.T, c *mastertest.Cluster) *crawler {
	t.Helper()
	x := &crawler{Cluster: c, saw: map[string]bool{}}
	c.Do(func(m *master.Master) { x.node = m.Node() })
	return x
}

// look notes whether an answer has a hidden word.
func (x *crawler) look(what string, r *web.Response) {
	text := string(r.Bytes())
	if r.Stream != nil {
		webtest.Attach(r.Stream, func() {})
		x.Advance(time.Second)
		chunks, _ := webtest.Take(r.Stream)
		for _, chunk := range chunks {
			text += string(chunk)
		}
		webtest.HangUp(r.Stream)
	}
	x.note(what, text)
}

func (x *crawler) note(what, text string) {
	for _, word := range hiddenWords {
		if strings.Contains(text, word) {
			x.saw[what+" "+word] = true
		}
	}
}

// endpoints tries every endpoint of every actor in every way.
func (x *crawler) endpoints() {
	x.Helper()
	var help struct {
		Processes []struct {
			ID        string
			Endpoints []struct{ Name string }
		}
	}
	if err := json.Unmarshal(x.Get("/help?format=json").Body, &help); err != nil || len(help.Processes) < 3 {
		x.Fatalf("%v, %d actors", err, len(help.Processes))
	}
	known := tried()
	for _, p := range help.Processes {
		for _, e := range p.Endpoints {
			path := "/" + p.ID + e.Name
			if path == "/master/quota" {
				x.look(path, x.Request(http.MethodDelete, path+"/dev", http.Header{}, nil))
			}
			bodies, ok := known[path]
			if !ok {
				x.Errorf("it is not known what to send to %s", path)
			}
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
				for _, body := range append(bodies, "") {
					x.look(path, x.Request(method, path, http.Header{}, []byte(body)))
					x.look(path, x.Request(method, path+"?"+strings.ReplaceAll(body, " ", ""), http.Header{}, nil))
					x.Advance(time.Second)
				}
			}
		}
	}
}

// calls makes every call of both APIs: as the table of decisions has it, and empty.
func (x *crawler) calls() {
	all := []*masterpb.Call{{Type: masterpb.Call_REMOVE_QUOTA.Enum(), RemoveQuota: &masterpb.Call_RemoveQuota{Role: proto.String("dev")}}}
	for _, d := range decisions() {
		all = append(all, typed(d.call))
	}
	for _, number := range masterpb.Call_Type_value {
		all = append(all, &masterpb.Call{Type: masterpb.Call_Type(number).Enum()})
	}
	slices.SortStableFunc(all, func(x, y *masterpb.Call) int { return strings.Compare(x.String(), y.String()) })
	for _, call := range all {
		for _, accept := range []mediatype.Type{mediatype.JSON, mediatype.Protobuf} {
			header := http.Header{"Content-Type": {mediatype.Protobuf.String()}, "Accept": {accept.String()}}
			x.look(call.GetType().String(), x.Post("/api/v1", header, mediatype.Protobuf.Marshal(call)))
			x.Advance(time.Second)
		}
	}
	for _, number := range schedulerpb.Call_Type_value {
		call := &schedulerpb.Call{Type: schedulerpb.Call_Type(number).Enum(), FrameworkId: decisions()[2].call.GetTeardown().GetFrameworkId()}
		if call.GetType() == schedulerpb.Call_SUBSCRIBE {
			call.FrameworkId, call.Subscribe = nil, &schedulerpb.Call_Subscribe{FrameworkInfo: mastertest.Framework()}
		}
		header := http.Header{"Content-Type": {mediatype.Protobuf.String()}, "Accept": {mediatype.JSON.String()}}
		x.look("scheduler "+call.GetType().String(), x.Post("/api/v1/scheduler", header, mediatype.Protobuf.Marshal(call)))
	}
}

// messages sends, from a node of its own, each message for which any actor of the master's node has a handler, several times with
// what is known of the cluster. It returns what it is answered.
func (x *crawler) messages() (heard []proto.Message) {
	x.Helper()
	stranger := x.Peer("stranger", "stranger", "10.0.0.9:1")
	b := &babbler{rand.New(rand.NewPCG(1, 2)), []string{
		"", "*", "dev", "cpus", "disk", "hidden-task", "hidden-executor", "v", "1.12.0", "10.0.0.2", "new",
		mastertest.ID + "-0000", mastertest.ID + "-S0", mastertest.ID + "-O0", "slave(1)@10.0.0.2:5051", "stranger@10.0.0.9:1",
	}}
	sent := 0
	for _, pid := range x.node.PIDs() {
		for _, name := range x.node.Handlers(pid) {
			kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(name))
			if err != nil {
				x.Errorf("%s of %s: %v", name, pid, err)
				continue
			}
			for range 40 {
				m := kind.New()
				b.fill(m, 5)
				enliven(b, m.Interface())
				if proto.CheckInitialized(m.Interface()) == nil {
					runtime.Tell(runtime.RefOf(stranger), func(p *mastertest.Peer) { p.Send(pid, m.Interface()) })
					sent++
				}
			}
			x.Advance(10 * time.Millisecond)
		}
	}
	if sent < 500 {
		x.Errorf("only %d messages were sent", sent)
	}
	for _, m := range stranger.Heard {
		x.note("a stranger hears "+string(m.ProtoReflect().Descriptor().Name()), fmt.Sprint(m))
	}
	x.World.Kill("10.0.0.9:1")
	x.Advance(time.Second)
	return stranger.Heard
}

// state is all that the master knows.
func (x *crawler) state() string {
	x.Helper()
	var all strings.Builder
	for _, path := range []string{"/state", "/slaves", "/weights", "/maintenance/schedule", "/maintenance/status", "/registrar(1)/registry", "/roles", "/quota"} {
		all.Write(x.Get(path).Bytes())
	}
	return all.String()
}

// Who may do nothing sees nothing and changes nothing, whatever it sends to any endpoint, in any call and to any actor. Who may do
// everything sees and changes something by the same.
func TestCrawlers(t *testing.T) {
	t.Parallel()
	for _, denied := range []bool{true, false} {
		t.Run(fmt.Sprint("denied=", denied), func(t *testing.T) {
			t.Parallel()
			c, j := judged(t)
			x := newCrawler(t, c)
			beside(t, x.node)
			obeyed(t, c, &masterpb.Call{UpdateMaintenanceSchedule: &masterpb.Call_UpdateMaintenanceSchedule{Schedule: window(judgedMachine)}})
			obeyed(t, c, &masterpb.Call{UpdateQuota: &masterpb.Call_UpdateQuota{QuotaConfigs: []*quotapb.QuotaConfig{{
				Role: proto.String("dev"), Limits: map[string]*mesospb.Value_Scalar{"cpus": {Value: proto.Float64(99)}},
			}}}})
			c.Advance(10 * time.Second) // what is free is offered
			for _, part := range []func(){x.endpoints, x.calls, func() { x.messages() }} {
				before := x.state()
				j.DenyAll(denied)
				part()
				j.DenyAll(false)
				c.Advance(time.Second)
				if after := x.state(); (after == before) != denied {
					t.Errorf("changed: %v\n%s", after != before, difference(before, after))
				}
			}
			for what := range x.saw {
				if denied && open[what] == "" {
					t.Errorf("who may see nothing sees: %s", what)
				}
			}
			for what := range open {
				if !x.saw[what] {
					t.Errorf("is not seen any more: %s", what)
				}
			}
			if !denied && len(x.saw) < 15 {
				t.Errorf("only %v show what is hidden", x.saw)
			}
		})
	}
}

// difference returns the parts of two texts that begin where they differ.
func difference(a, b string) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	i = max(0, i-100)
	return fmt.Sprintf("before …%.300s\nafter  …%.300s", a[i:], b[i:])
}
