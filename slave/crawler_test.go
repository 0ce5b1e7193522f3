package slave_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"meseta/messages/mediatype"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/executorpb"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/runtime/web/webtest"
)

// routes are the endpoints that the crawler knows, with what it sends to them besides requests without a body. A new endpoint
// needs a line here.
func routes(sandbox string) map[string][]string {
	return map[string][]string{
		"/slave(1)/health": nil, "/slave(1)/flags": nil, "/slave(1)/state": nil, "/slave(1)/containers": nil,
		"/slave(1)/containerizer/debug": nil, "/slave(1)/monitor/statistics": nil,
		"/slave(1)/api/v1": nil, "/slave(1)/api/v1/executor": nil, "/slave(1)/api/v1/resource_provider": nil, // by its calls
		"/files/browse": {"path=" + sandbox}, "/files/read": {"path=" + sandbox + "/stdout&offset=0"},
		"/files/download": {"path=" + sandbox + "/stdout"}, "/files/debug": nil,
	}
}

// crawler tries everything, and notes which answers have a hidden word.
type crawler struct {
	*world
	sandbox, container string
	saw                map[string]bool
}

// hiddenWords are in the world that [judged] returns.
var hiddenWords = []string{"hidden-", "/secret", `"dev"`, "hello"}

// open lists what the crawler sees of what is hidden, although it may see nothing, and why.
var open = map[string]string{
	`{"type":"GET_AGENT"}`:      "describes the agent with its static reservations, as in Mesos",
	`{"type":"GET_OPERATIONS"}`: "has a reservation whose role is hidden if what was reserved is not, as in Mesos",
}

func (x *crawler) look(what string, r *web.Response) {
	text := string(r.Bytes())
	if r.Stream != nil {
		x.Advance(time.Second)
		chunks, _ := webtest.Take(r.Stream)
		for _, chunk := range chunks {
			text += string(chunk)
		}
		webtest.HangUp(r.Stream)
	}
	if slices.ContainsFunc(hiddenWords, func(w string) bool { return strings.Contains(text, w) }) {
		x.saw[what] = true
	}
}

// endpoints tries every endpoint of every actor in every way.
func (x *crawler) endpoints() {
	x.t.Helper()
	var help struct {
		Processes []struct {
			ID        string
			Endpoints []struct{ Name string }
		}
	}
	if err := json.Unmarshal(x.ask("GET", "/help?format=json", nil, nil).Bytes(), &help); err != nil || len(help.Processes) < 2 {
		x.t.Fatalf("%v, %d actors", err, len(help.Processes))
	}
	known := routes(x.sandbox)
	for _, p := range help.Processes {
		for _, e := range p.Endpoints {
			path := "/" + p.ID + e.Name
			bodies, ok := known[path]
			if !ok {
				x.t.Errorf("it is not known what to send to %s", path)
			}
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
				for _, body := range append(bodies, "") {
					x.Advance(time.Second) // some may not be asked too often
					x.look(path, x.ask(method, path, nil, []byte(body)))
					x.Advance(time.Second)
					x.look(path, x.ask(method, path+"?"+body, nil, nil))
				}
			}
		}
	}
}

// calls makes every call of operators and of executors.
func (x *crawler) calls() {
	all := []string{
		`{"type":"LIST_FILES","list_files":{"path":"` + x.sandbox + `"}}`,
		`{"type":"READ_FILE","read_file":{"offset":0,"path":"` + x.sandbox + `/stdout"}}`,
	}
	for call := range judgedCalls(x.container) {
		all = append(all, call)
	}
	for name := range agentpb.Call_Type_value {
		all = append(all, `{"type":"`+name+`"}`)
	}
	slices.Sort(all)
	for _, call := range all {
		for _, accept := range []mediatype.Type{mediatype.JSON, mediatype.Protobuf} {
			header := http.Header{"Content-Type": {"application/json"}, "Accept": {accept.String()}}
			x.look(call, x.ask("POST", "/slave(1)/api/v1", header, []byte(call)))
			x.Advance(time.Second)
		}
	}
	for name := range executorpb.Call_Type_value {
		call := fmt.Sprintf(`{"type":%q,"framework_id":{"value":"f9"},"executor_id":{"value":"x9"},"subscribe":{}}`, name)
		x.look("executor "+name, x.ask("POST", "/slave(1)/api/v1/executor", http.Header{"Content-Type": {"application/json"}}, []byte(call)))
	}
}

// known are the names of things in the world, by what they name.
func (x *crawler) known() map[protoreflect.FullName]string {
	return map[protoreflect.FullName]string{
		"mesos.FrameworkID": string(f1), "mesos.ExecutorID": "hidden-task", "mesos.TaskID": "hidden-task",
		"mesos.SlaveID": slaveIDs.FindString(string(x.answer("/state").Bytes())), "mesos.ContainerID": x.container,
	}
}

var slaveIDs = regexp.MustCompile(`[^"]*S[0-9]+`)

// filled fills a message with what is known.
func filled(m protoreflect.Message, known map[protoreflect.FullName]string, depth int) protoreflect.Message {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch required := f.Cardinality() == protoreflect.Required; {
		case f.IsList() || f.IsMap() || depth == 0 && !required:
		case f.Message() != nil:
			filled(m.Mutable(f).Message(), known, max(depth-1, 0))
		case f.Kind() == protoreflect.StringKind:
			name, ok := known[m.Descriptor().FullName()]
			if !ok {
				name = "x"
			}
			m.Set(f, protoreflect.ValueOfString(name))
		case f.Kind() == protoreflect.EnumKind:
			m.Set(f, protoreflect.ValueOfEnum(f.Enum().Values().Get(f.Enum().Values().Len()-1).Number()))
		case required && f.Kind() == protoreflect.BytesKind:
			m.Set(f, protoreflect.ValueOfBytes([]byte("0123456789abcdef")))
		case required:
			m.Set(f, f.Default())
		}
	}
	return m
}

// mute is an actor of a stranger, who listens.
type mute struct{ runtime.Actor }

// messages sends, from a node of its own, each message for which any actor of the agent's node has a handler.
func (x *crawler) messages() {
	x.t.Helper()
	stranger, err := runtime.Spawn(x.Node("10.0.0.9:1"), "stranger", &mute{})
	if err != nil {
		x.t.Fatal(err)
	}
	known, sent := x.known(), 0
	for _, pid := range x.agentNode.PIDs() {
		for _, name := range x.agentNode.Handlers(pid) {
			kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(name))
			if err != nil {
				x.t.Errorf("%s of %s: %v", name, pid, err)
				continue
			}
			for depth := range 5 {
				m := filled(kind.New(), known, depth).Interface()
				if err := proto.CheckInitialized(m); err != nil {
					x.t.Errorf("%s: %v", name, err)
				}
				runtime.Tell(stranger, func(s *mute) { s.Send(pid, m) })
				sent++
			}
			x.Advance(10 * time.Millisecond)
		}
	}
	if sent < 100 {
		x.t.Errorf("only %d messages were sent", sent)
	}
	x.Kill("10.0.0.9:1")
	x.Advance(time.Second)
}

// everything is all that the agent knows, in memory and on the disk, and what it has told the master.
func (x *crawler) everything() string {
	var all strings.Builder
	all.Write(x.answer("/state").Bytes())
	all.Write(x.answer("/containers").Bytes())
	fmt.Fprint(&all, x.m.States("hidden-task"), len(x.containers.Launched()), x.fatal)
	err := filepath.WalkDir(x.dir, func(path string, d os.DirEntry, err error) error {
		if !strings.HasPrefix(filepath.Base(path), ".journal-") { // which comes and goes by itself
			fmt.Fprintln(&all, path)
		}
		return err
	})
	if err != nil {
		x.t.Error(err)
	}
	return all.String()
}

// Who may do nothing sees nothing and changes nothing, whatever it sends to any endpoint, in any call and to any actor. Who may do
// everything sees and changes something by the same, except by messages: those of strangers are ignored in any case.
func TestCrawlers(t *testing.T) {
	t.Parallel()
	for _, denied := range []bool{true, false} {
		t.Run(fmt.Sprint("denied=", denied), func(t *testing.T) {
			t.Parallel()
			w, j := judged(t)
			first := w.containers.Launched()[0]
			x := &crawler{w, first.Config.GetDirectory(), string(first.ID), map[string]bool{}}
			if err := os.WriteFile(filepath.Join(x.sandbox, "stdout"), []byte("hello"), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, part := range []struct {
				what    string
				do      func()
				changes bool
			}{{"messages", x.messages, false}, {"endpoints", x.endpoints, false}, {"calls", x.calls, true}} {
				before := x.everything()
				j.DenyAll(denied)
				part.do()
				j.DenyAll(false)
				w.Advance(time.Second)
				if after := x.everything(); (after == before) != (denied || !part.changes) {
					t.Errorf("%s have changed something: %v\nbefore %s\nafter  %s", part.what, after != before, before, after)
				}
			}
			for what := range x.saw {
				if denied && open[what] == "" {
					t.Errorf("who may see nothing sees: %s", what)
				}
			}
			if !denied && len(x.saw) < 8 {
				t.Errorf("only %v show what is hidden", x.saw)
			}
		})
	}
}
