package slave_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/messages/mediatype"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/v1/agentv1pb"
	"meseta/messages/pb/v1/executorv1pb"
	"meseta/messages/recordio"
	"meseta/runtime/web"
)

// FuzzAgentCall makes calls to the agent's own API, in any shape: none ends the agent, and none is carried out that is
// not whole.
func FuzzAgentCall(f *testing.F) { fuzzCalls(f, "/slave(1)/api/v1", &agentv1pb.Call{}) }

// FuzzExecutorCall does the same to its API for executors.
func FuzzExecutorCall(f *testing.F) { fuzzCalls(f, "/slave(1)/api/v1/executor", &executorv1pb.Call{}) }

func fuzzCalls(f *testing.F, path string, call proto.Message) {
	for _, whole := range calls(call) {
		for _, media := range []mediatype.Type{mediatype.Protobuf, mediatype.JSON} {
			body := media.Marshal(whole)
			f.Add(body, media == mediatype.JSON, false)
			f.Add(body[:len(body)/2], media == mediatype.JSON, false)
			f.Add(recordio.Append(nil, body), media == mediatype.JSON, true)
		}
	}
	for _, text := range []string{``, `{}`, `[]`, `null`, `{"type":7}`, `{"type":"NO_SUCH"}`, "7\n{}", "{\"type\":\"\xff\"}"} {
		f.Add([]byte(text), true, false)
	}
	f.Fuzz(func(t *testing.T, body []byte, json, records bool) {
		w := newWorld(t, nil)
		media := mediatype.Protobuf
		if json {
			media = mediatype.JSON
		}
		header := http.Header{"Content-Type": {media.String()}}
		if records {
			header = http.Header{"Content-Type": {"application/recordio"}, "Message-Content-Type": {media.String()}}
		}
		answered := web.Serve(w.agentNode, &web.Request{
			Method: http.MethodPost, URL: &url.URL{Path: path}, Header: header, Body: bytes.NewReader(body), Client: "10.0.0.3:1",
		})
		w.Settle()
		r, done, err := answered.Peek()
		switch {
		case done && err != nil:
			t.Fatalf("the call failed: %v", err)
		case !done || r.Status == http.StatusOK || r.Status == http.StatusAccepted:
			if why := incomplete(call, media, body, records); why != "" {
				t.Errorf("answered %v to a call that is %s: %q", r, why, body)
			}
		}
		w.ask(http.MethodGet, "/slave(1)/health", nil, nil) // it lives
	})
}

// calls are one of each type, every field set.
func calls(call proto.Message) []proto.Message {
	types := call.ProtoReflect().Descriptor().Fields().ByName("type")
	var all []proto.Message
	for i := range types.Enum().Values().Len() {
		value := types.Enum().Values().Get(i)
		c := call.ProtoReflect().New()
		c.Set(types, protoreflect.ValueOfEnum(value.Number()))
		for j := range c.Descriptor().Fields().Len() {
			field := c.Descriptor().Fields().Get(j)
			if field.Message() != nil && (named(field, value) || strings.HasSuffix(string(field.Name()), "_id")) {
				fill(c.Mutable(field).Message(), 5)
			}
		}
		all = append(all, c.Interface())
	}
	return all
}

func named(field protoreflect.FieldDescriptor, value protoreflect.EnumValueDescriptor) bool {
	return string(field.Name()) == strings.ToLower(string(value.Name()))
}

// fill sets every field of m, as deep as that.
func fill(m protoreflect.Message, depth int) {
	for i := range m.Descriptor().Fields().Len() {
		field := m.Descriptor().Fields().Get(i)
		switch {
		case field.IsList() || field.IsMap() || field.Message() != nil && depth == 0:
		case field.Message() != nil:
			fill(m.Mutable(field).Message(), depth-1)
		case field.Kind() == protoreflect.StringKind:
			m.Set(field, protoreflect.ValueOfString("x"))
		case field.Kind() == protoreflect.BytesKind:
			m.Set(field, protoreflect.ValueOfBytes([]byte("0123456789abcdef")))
		case field.Kind() == protoreflect.EnumKind:
			m.Set(field, protoreflect.ValueOfEnum(field.Enum().Values().Get(field.Enum().Values().Len()-1).Number()))
		}
	}
}

// optional are the parts of calls that Mesos can do without.
var optional = map[string]bool{"get_containers": true, "prune_images": true}

// incomplete says what a call must not be to be carried out; "" is a whole one.
func incomplete(call proto.Message, media mediatype.Type, body []byte, records bool) string {
	if records {
		var err error
		if body, err = recordio.NewReader(bytes.NewReader(body), 0).Next(); err != nil {
			return "no record"
		}
	}
	m := call.ProtoReflect().New()
	var err error
	if media == mediatype.Protobuf {
		err = proto.Unmarshal(body, m.Interface())
	} else {
		err = mesosjson.Unmarshal(body, m.Interface())
	}
	if err != nil {
		return "not of its format"
	}
	types := m.Descriptor().Fields().ByName("type")
	if !m.Has(types) || m.Get(types).Enum() == 0 {
		return "of no type"
	}
	value := types.Enum().Values().ByNumber(m.Get(types).Enum())
	if value == nil {
		return "of no type"
	}
	for i := range m.Descriptor().Fields().Len() {
		field := m.Descriptor().Fields().Get(i)
		if named(field, value) && !m.Has(field) && !optional[string(field.Name())] {
			return "without its " + string(field.Name())
		}
	}
	return ""
}
