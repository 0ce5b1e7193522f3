package master_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/mediatype"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/v1/masterv1pb"
)

// Strings of agents and frameworks may hold any bytes on the wire of v0. The master answers with JSON and protobuf that
// strict parsers accept, and the next master can read what it writes to the registry.
func TestStringsThatAreNotUTF8(t *testing.T) {
	t.Parallel()
	const odd, shown = "x\xff\xc3y", "x\uFFFD\uFFFDy"
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Peer("agent", "slave(1)", "10.0.0.2:5051")
	registration := mastertest.Registration("10.0.0.2:5051")
	registration.Slave.Hostname = proto.String(odd)
	registration.Slave.Resources = append(registration.Slave.Resources, mastertest.Resource(odd, 3))
	registration.Slave.Attributes = []*mesospb.Attribute{{
		Name: proto.String(odd), Type: mesospb.Value_TEXT.Enum(), Text: &mesospb.Value_Text{Value: proto.String(odd)},
	}}
	agent.Say(registration)
	info := mastertest.Framework()
	info.Name = proto.String(odd)
	f := c.Scheduler("f", "10.0.0.3:6000", info)
	task := mastertest.Task("t", f.Offer())
	task.Name = proto.String(odd)
	f.Launch(f.Offer(), task)

	for _, path := range []string{"/state", "/slaves", "/frameworks", "/tasks", "/state-summary", "/registrar(1)/registry"} {
		r := c.Request(http.MethodGet, path, nil, nil)
		if r.Status != http.StatusOK || !utf8.Valid(r.Body) || !json.Valid(r.Body) || !strings.Contains(string(r.Body), shown) {
			t.Errorf("%s: %d %q", path, r.Status, r.Body)
		}
	}
	for _, media := range []mediatype.Type{mediatype.JSON, mediatype.Protobuf} {
		header := http.Header{"Content-Type": {media.String()}, "Accept": {media.String()}}
		r := c.Post("/api/v1", header, media.Marshal(&masterpb.Call{Type: masterpb.Call_GET_STATE.Enum()}))
		state := &masterv1pb.Response{}
		if err := mediatype.Read(header, r.Body, state); err != nil || media == mediatype.JSON && !utf8.Valid(r.Body) {
			t.Fatalf("%s: %v: %q", media, err, r.Body)
		}
		want := map[mediatype.Type]string{mediatype.JSON: shown, mediatype.Protobuf: odd}[media]
		if got := state.GetGetState().GetGetFrameworks().GetFrameworks()[0].GetFrameworkInfo().GetName(); got != want {
			t.Errorf("%s: the framework is called %q, not %q", media, got, want)
		}
	}
	c.Fail()
	c.Elect("another")
	c.Do(func(m *master.Master) {
		if known := m.Book().Recovered(agent0); known == nil || known.GetHostname() != odd {
			t.Errorf("the next master reads %v", known)
		}
	})
}
