package master_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/mediatype"
	"meseta/messages/pb/v1/masterv1pb"
	"meseta/runtime/web/webtest"
)

// Whatever an operator sends, in either format, the master goes on and answers, and its book is consistent. Only a
// complete call is answered with 200.
func TestRandomOperatorCalls(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			c := mastertest.New(t, mastertest.Config{Seed: seed + 1})
			agents := []string{"10.0.0.2:5051", "10.0.0.4:5051"}
			for _, addr := range agents {
				c.Agent(addr, addr)
			}
			f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
			follower := follow(t, c, mediatype.Protobuf)
			b := &babbler{rand.New(rand.NewPCG(seed, 4)), []string{
				"", "*", "a", "cpus", "mem", "/master/log", "10.0.0.2", "x\x00y", mastertest.FrameworkID(f).GetValue(),
				mastertest.ID + "-S0", mastertest.ID + "-S1", mastertest.AgentInfo(agents[0]).GetHostname(),
			}}
			for i := range 300 {
				babbleOperator(c, b)
				if i%20 > 0 {
					continue
				}
				c.Advance(time.Duration(b.IntN(6000)) * time.Millisecond)
				follower.heard()
				c.Do(func(m *master.Master) {
					if err := m.Book().Check(); err != nil {
						t.Fatal(err)
					}
				})
			}
		})
	}
}

// operatorCall returns a nearly complete call: it has a type and mostly the part for that type.
func (b *babbler) operatorCall() *masterv1pb.Call {
	call := &masterv1pb.Call{}
	values := call.GetType().Descriptor().Values()
	call.Type = masterv1pb.Call_Type(values.Get(b.IntN(values.Len())).Number()).Enum()
	name := protoreflect.Name(strings.ToLower(call.GetType().String()))
	if field := call.ProtoReflect().Descriptor().Fields().ByName(name); field != nil && b.IntN(10) > 0 {
		b.set(call.ProtoReflect(), field, 6)
	}
	return call
}

// babbleOperator sends one call and judges the answer.
func babbleOperator(c *mastertest.Cluster, b *babbler) {
	call := b.operatorCall()
	media := []mediatype.Type{mediatype.JSON, mediatype.Protobuf}[b.IntN(2)]
	operate(c, media, b.damage(media.Marshal(call)))
}

// operate sends a body that may be a call and judges the answer.
func operate(c *mastertest.Cluster, media mediatype.Type, body []byte) {
	header := http.Header{"Content-Type": {media.String()}, "Accept": {mediatype.JSON.String()}}
	r := c.Post("/api/v1", header, body)
	read := &masterv1pb.Call{}
	err := mediatype.Read(header, body, read)
	switch r.Status {
	case http.StatusOK:
		if err != nil || read.Type == nil || read.GetType() == masterv1pb.Call_UNKNOWN {
			c.Errorf("200 for %s: %v", body, err)
		}
		if r.Stream != nil {
			webtest.HangUp(r.Stream)
		}
	case http.StatusBadRequest, http.StatusConflict, http.StatusNotImplemented, http.StatusServiceUnavailable:
		if len(r.Body) == 0 {
			c.Errorf("%d without a word for %s", r.Status, body)
		}
	case http.StatusNotFound: // of files and agents
	default:
		c.Errorf("%d for %s", r.Status, body)
	}
}

// FuzzOperatorCall sends arbitrary bytes, in both formats, as an operator.
func FuzzOperatorCall(f *testing.F) {
	for _, number := range slices.Sorted(maps.Keys(masterv1pb.Call_Type_name)) {
		call := &masterv1pb.Call{Type: masterv1pb.Call_Type(number).Enum()}
		f.Add(mediatype.Protobuf.Marshal(call), false)
		f.Add(mediatype.JSON.Marshal(call), true)
	}
	f.Add([]byte(`{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"`+mastertest.ID+`-S0"},"max_grace_period":{"seconds":"1"}}}`), true)
	f.Add([]byte(`{"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":{"schedule":{"windows":[{"machine_ids":[{"ip":"10.0.0.2"}],
		"unavailability":{"start":{"nanoseconds":0}}}]}}}`), true)
	f.Add([]byte(`{"type":"UPDATE_WEIGHTS","update_weights":{"weight_infos":[{"weight":1e400,"role":"a"}]}}`), true)
	f.Fuzz(func(t *testing.T, body []byte, json bool) {
		c := mastertest.New(t, mastertest.Config{})
		c.Agent("agent", "10.0.0.2:5051")
		media := mediatype.Protobuf
		if json {
			media = mediatype.JSON
		}
		operate(c, media, body)
		c.Do(func(m *master.Master) {
			if err := m.Book().Check(); err != nil {
				t.Fatal(err)
			}
		})
	})
}
