package answer_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"meseta/messages/answer"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
)

// lists are what an answer is made from.
type lists struct {
	agents    []*masterpb.Response_GetAgents_Agent
	recovered []*mesospb.SlaveInfo
	tasks     []*mesospb.Task
	asked     int // how many tasks were asked for
}

func each[M answer.Element](of func(*lists) []M) func(*lists, func(answer.Element) bool) {
	return func(l *lists, yield func(answer.Element) bool) {
		for _, m := range of(l) {
			l.asked++
			if !yield(m) {
				return
			}
		}
	}
}

// state lists agents before tasks, and recovered agents before the others: against the order of their numbers.
var state = answer.Field[*lists]{Name: "get_state", Fields: []answer.Field[*lists]{
	{Name: "get_agents", Fields: []answer.Field[*lists]{
		{Name: "recovered_agents", Each: each(func(l *lists) []*mesospb.SlaveInfo { return l.recovered })},
		{Name: "agents", Each: each(func(l *lists) []*masterpb.Response_GetAgents_Agent { return l.agents })},
	}},
	{Name: "get_tasks", Fields: []answer.Field[*lists]{
		{Name: "tasks", Each: each(func(l *lists) []*mesospb.Task { return l.tasks })},
	}},
}}

func (l *lists) response() *masterpb.Response {
	return &masterpb.Response{Type: masterpb.Response_GET_STATE.Enum(), GetState: &masterpb.Response_GetState{
		GetTasks:  &masterpb.Response_GetTasks{Tasks: l.tasks},
		GetAgents: &masterpb.Response_GetAgents{Agents: l.agents, RecoveredAgents: l.recovered},
	}}
}

func (l *lists) event(heartbeat float64) *masterpb.Event {
	return &masterpb.Event{Type: masterpb.Event_SUBSCRIBED.Enum(), Subscribed: &masterpb.Event_Subscribed{
		GetState: l.response().GetState, HeartbeatIntervalSeconds: proto.Float64(heartbeat),
	}}
}

func body[V any](media mediatype.Type, in proto.Message, kind answer.Kind, v V, f answer.Field[V]) []byte {
	return bytes.Join(slices.Collect(cloned(answer.Body(media, in, kind, v, f))), nil)
}

// An empty list is written as one in JSON, unless it is to be left out.
func TestEmptyLists(t *testing.T) {
	t.Parallel()
	for omit, want := range map[bool]string{
		false: `{"type":"GET_TASKS","get_tasks":{"tasks":[]}}`, true: `{"type":"GET_TASKS","get_tasks":{}}`,
	} {
		f := answer.Field[*lists]{Name: "get_tasks", Fields: []answer.Field[*lists]{
			{Name: "tasks", Each: each(func(l *lists) []*mesospb.Task { return l.tasks }), OmitEmpty: omit},
		}}
		if got := string(body(mediatype.JSON, &masterpb.Response{}, masterpb.Response_GET_TASKS, &lists{}, f)); got != want {
			t.Errorf("%s, not %s", got, want)
		}
		one := &lists{tasks: []*mesospb.Task{{Name: proto.String("t")}}}
		if got := string(body(mediatype.JSON, &masterpb.Response{}, masterpb.Response_GET_TASKS, one, f)); !strings.Contains(got, `"tasks":[{"name":"t"}]`) {
			t.Error(got)
		}
	}
}

// cloned yields pieces that stay valid.
func cloned(pieces iter.Seq[[]byte]) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for p := range pieces {
			if !yield(bytes.Clone(p)) {
				return
			}
		}
	}
}

// draw draws lists whose elements may be empty, and lack fields that are required.
func draw(t *rapid.T) *lists {
	text := rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[a-zé"\\]{1,200}`), rapid.Just(strings.Repeat("x", 20_000)))
	l := &lists{}
	for range rapid.IntRange(0, 12).Draw(t, "agents") {
		a := &masterpb.Response_GetAgents_Agent{}
		if rapid.Bool().Draw(t, "known") {
			a.AgentInfo = &mesospb.SlaveInfo{Hostname: proto.String(text.Draw(t, "host")), Id: ids.Agent("S0").Proto()}
			a.Active, a.Version = proto.Bool(true), proto.String(text.Draw(t, "version"))
		}
		l.agents = append(l.agents, a)
	}
	for range rapid.IntRange(0, 3).Draw(t, "recovered") {
		l.recovered = append(l.recovered, &mesospb.SlaveInfo{Hostname: proto.String(text.Draw(t, "host"))})
	}
	for i := range rapid.IntRange(0, 12).Draw(t, "tasks") {
		l.tasks = append(l.tasks, &mesospb.Task{Name: proto.String(text.Draw(t, "name")), TaskId: ids.Task(fmt.Sprint(i)).Proto()})
	}
	return l
}

// Written piece by piece, an answer is what it would be as a whole: byte for byte as a protobuf, in JSON up to lists without elements.
func TestBody(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := draw(t)
		want, err := proto.MarshalOptions{AllowPartial: true, Deterministic: true}.Marshal(l.response())
		if err != nil {
			t.Fatal(err)
		}
		if got := body(mediatype.Protobuf, new(masterpb.Response), masterpb.Response_GET_STATE, l, state); !bytes.Equal(got, want) {
			t.Fatalf("the protobuf has %d bytes, want %d:\n%q\n%q", len(got), len(want), got, want)
		}
		got := body(mediatype.JSON, new(masterpb.Response), masterpb.Response_GET_STATE, l, state)
		same(t, got, mesosjson.AppendV1(nil, l.response()))
	})
}

// A number has its place among the fields of its message.
func TestNumber(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l, heartbeat := draw(t), rapid.Float64Range(0, 1e6).Draw(t, "heartbeat")
		f := answer.Field[*lists]{Name: "subscribed", Fields: []answer.Field[*lists]{
			{Name: "heartbeat_interval_seconds", Number: &heartbeat}, state,
		}}
		want, err := proto.MarshalOptions{AllowPartial: true, Deterministic: true}.Marshal(l.event(heartbeat))
		if err != nil {
			t.Fatal(err)
		}
		if got := body(mediatype.Protobuf, new(masterpb.Event), masterpb.Event_SUBSCRIBED, l, f); !bytes.Equal(got, want) {
			t.Fatalf("the protobuf has %d bytes, want %d:\n%q\n%q", len(got), len(want), got, want)
		}
		got := body(mediatype.JSON, new(masterpb.Event), masterpb.Event_SUBSCRIBED, l, f)
		same(t, got, mesosjson.AppendV1(nil, l.event(heartbeat)))
	})
}

// same demands that two texts say the same. They may differ in lists without elements, and in the order of fields.
func same(t *rapid.T, got, want []byte) {
	t.Helper()
	if g, w := read(t, got), read(t, want); !reflect.DeepEqual(g, w) {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

// read reads JSON, without lists that have no elements.
func read(t *rapid.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return withoutEmptyLists(v)
}

func withoutEmptyLists(v any) any {
	switch v := v.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(_ string, inner any) bool {
			list, ok := inner.([]any)
			return ok && len(list) == 0
		})
		for _, inner := range v {
			withoutEmptyLists(inner)
		}
	case []any:
		for _, inner := range v {
			withoutEmptyLists(inner)
		}
	}
	return v
}

// JSON has its fields in the order that is asked for, protobuf in the order of their numbers; lists without elements are
// there in JSON only.
func TestOrder(t *testing.T) {
	t.Parallel()
	l := &lists{recovered: []*mesospb.SlaveInfo{{Hostname: proto.String("h"), Id: ids.Agent("S0").Proto()}}}
	got := string(body(mediatype.JSON, new(masterpb.Response), masterpb.Response_GET_STATE, l, state))
	want := `{"type":"GET_STATE","get_state":{"get_agents":{"recovered_agents":[{"hostname":"h","port":5051,"id":{"value":"S0"},"checkpoint":false}],"agents":[]},` +
		`"get_tasks":{"tasks":[]}}}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A reader that stops ends the work: nothing is asked for any more than a piece.
func TestReaderStops(t *testing.T) {
	t.Parallel()
	for _, media := range []mediatype.Type{mediatype.JSON, mediatype.Protobuf} {
		l := &lists{tasks: slices.Repeat([]*mesospb.Task{{
			Name: proto.String(strings.Repeat("x", 1000)), TaskId: ids.Task("t").Proto(), FrameworkId: ids.Framework("f").Proto(),
			SlaveId: ids.Agent("S0").Proto(), State: mesospb.TaskState_TASK_RUNNING.Enum(),
		}}, 10_000)}
		measured := 0
		if media == mediatype.Protobuf {
			measured = len(l.tasks) // lengths come first
		}
		for range answer.Body(media, new(masterpb.Response), masterpb.Response_GET_STATE, l, state) {
			break
		}
		if written := l.asked - measured; written < 1 || written > 100 {
			t.Errorf("%s: %d tasks were written for a reader that wanted one piece", media, written)
		}
	}
}
