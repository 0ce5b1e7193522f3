package master_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/mediatype"
	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/pb/v1/schedulerv1pb"
	"meseta/runtime/web/webtest"
)

// babbler makes random messages from words with and without a meaning here.
type babbler struct {
	*rand.Rand
	words []string
}

// fill sets random fields of m, and required ones nearly always.
func (b *babbler) fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		chance := 6
		if field.Cardinality() == protoreflect.Required {
			chance = 19
		}
		if b.IntN(20) >= chance || field.IsMap() || field.Message() != nil && depth == 0 && field.Cardinality() != protoreflect.Required {
			continue
		}
		b.set(m, field, depth)
	}
}

func (b *babbler) set(m protoreflect.Message, field protoreflect.FieldDescriptor, depth int) {
	switch {
	case field.IsList() && field.Message() != nil:
		for range b.IntN(3) {
			b.fill(m.Mutable(field).List().AppendMutable().Message(), depth-1)
		}
	case field.IsList():
		for range b.IntN(3) {
			m.Mutable(field).List().Append(b.scalar(field))
		}
	case field.Message() != nil:
		b.fill(m.Mutable(field).Message(), depth-1)
	default:
		m.Set(field, b.scalar(field))
	}
}

func (b *babbler) scalar(field protoreflect.FieldDescriptor) protoreflect.Value {
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(b.words[b.IntN(len(b.words))])
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(mastertest.UUID(byte(b.IntN(256)))[b.IntN(2):])
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(b.IntN(2) == 0)
	case protoreflect.EnumKind:
		values := field.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(b.IntN(values.Len())).Number())
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64([]float64{-1, 0, 0.001, 1, 4, 1e300}[b.IntN(6)])
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(b.IntN(40000)))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(b.IntN(40000)))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(b.IntN(100)) - 50)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(b.IntN(100)) - 50)
	}
	panic(fmt.Sprintf("no value for %s", field.FullName()))
}

// damage changes one or two bytes, or truncates the body.
func (b *babbler) damage(body []byte) []byte {
	switch {
	case len(body) == 0 || b.IntN(8) > 0:
		return body
	case b.IntN(4) == 0:
		return body[:b.IntN(len(body))]
	}
	damaged := append([]byte{}, body...)
	for range 1 + b.IntN(2) {
		damaged[b.IntN(len(damaged))] = byte(b.IntN(256))
	}
	return damaged
}

// Whatever a scheduler sends, in either format, the master goes on and its book is consistent. What it accepts is a
// complete call of the framework that owns the stream.
func TestRandomCalls(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			c := mastertest.New(t, mastertest.Config{Seed: seed + 1})
			agent := c.Agent("agent", "10.0.0.2:5051")
			f := c.Client("f", mediatype.Protobuf)
			f.Subscribe(mastertest.Framework())
			b := &babbler{rand.New(rand.NewPCG(seed, 3)), []string{
				"", "*", "a", "cpus", "mem", "disk", "t1", "/", "x\x00y", f.FrameworkID().GetValue(), mastertest.AgentID(agent).GetValue(),
			}}
			for i := range 400 {
				b.words = append(b.words[:11], f.Offer().GetId().GetValue(), f.Offer().GetId().GetValue())
				babble(c, f, b)
				if i%20 == 0 {
					c.Advance(time.Duration(b.IntN(6000)) * time.Millisecond)
					c.Do(func(m *master.Master) {
						if err := m.Book().Check(); err != nil {
							t.Fatal(err)
						}
					})
				}
			}
		})
	}
}

// call returns a nearly complete call: it has a type, the part for that type, and mostly the right framework.
func (b *babbler) call(f *mastertest.Client) *schedulerv1pb.Call {
	call := &schedulerv1pb.Call{}
	b.fill(call.ProtoReflect(), 5)
	values := call.GetType().Descriptor().Values()
	call.Type = schedulerv1pb.Call_Type(values.Get(b.IntN(values.Len())).Number()).Enum()
	switch t := call.GetType(); {
	case t == schedulerv1pb.Call_TEARDOWN, t == schedulerv1pb.Call_SUBSCRIBE && b.IntN(4) > 0, b.IntN(3) == 0:
		call.Type = schedulerv1pb.Call_ACCEPT.Enum()
	}
	name := protoreflect.Name(strings.ToLower(call.GetType().String()))
	if field := call.ProtoReflect().Descriptor().Fields().ByName(name); field != nil && b.IntN(10) > 0 {
		b.set(call.ProtoReflect(), field, 6)
	}
	if b.IntN(10) > 0 {
		call.FrameworkId = &mesosv1pb.FrameworkID{Value: proto.String(f.FrameworkID().GetValue())}
	}
	if call.Accept != nil && b.IntN(4) > 0 {
		call.Accept.OfferIds = []*mesosv1pb.OfferID{{Value: proto.String(f.Offer().GetId().GetValue())}}
	}
	return call
}

// babble sends one call and judges the answer.
func babble(c *mastertest.Cluster, f *mastertest.Client, b *babbler) {
	call := b.call(f)
	media := []mediatype.Type{mediatype.JSON, mediatype.Protobuf}[b.IntN(2)]
	body := b.damage(media.Marshal(call))
	header := http.Header{"Content-Type": {media.String()}, "Mesos-Stream-Id": {f.StreamID}}
	if call.GetType() == schedulerv1pb.Call_SUBSCRIBE {
		header.Del("Mesos-Stream-Id")
	}
	r := c.Post("/api/v1/scheduler", header, body)
	read := &schedulerv1pb.Call{}
	err := mediatype.Read(header, body, read)
	switch r.Status {
	case http.StatusOK, http.StatusAccepted:
		subscribes := read.GetType() == schedulerv1pb.Call_SUBSCRIBE
		if err != nil || !subscribes && read.GetFrameworkId().GetValue() != f.FrameworkID().GetValue() {
			c.Errorf("%d for %s: %v", r.Status, body, err)
		}
		if subscribes {
			webtest.HangUp(r.Stream)
			c.Advance(time.Millisecond)
		}
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotImplemented:
		if len(r.Body) == 0 {
			c.Errorf("%d without a word for %s", r.Status, body)
		}
	default:
		c.Errorf("%d for %s", r.Status, body)
	}
	if f.Closed || r.Status == http.StatusOK && read.GetFrameworkId().GetValue() == f.FrameworkID().GetValue() {
		info := mastertest.Framework()
		info.Id = f.FrameworkID()
		f.Subscribe(info)
		c.Advance(time.Second)
	}
}
