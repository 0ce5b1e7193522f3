package master_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// oddNumbers are values of a double that no peer means.
var oddNumbers = []float64{
	math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 0, 1e308, -1e308, -1, 5e-324, math.MaxInt64, 1e-9,
}

// numbered is a message with numbers, and a way to send it to a master.
type numbered struct {
	name string
	say  func(*mastertest.Cluster, *mastertest.Peer, proto.Message)
	make func(offer *mesospb.Offer) proto.Message
}

func byAgent(c *mastertest.Cluster, _ *mastertest.Peer, m proto.Message) {
	c.Peer("new", "slave(1)", "10.0.0.9:5051").Say(m)
}

func byOperator(c *mastertest.Cluster, _ *mastertest.Peer, m proto.Message) {
	body, err := proto.Marshal(m)
	if err != nil {
		c.Fatal(err)
	}
	c.Post("/api/v1", map[string][]string{"Content-Type": {"application/x-protobuf"}, "Accept": {"application/json"}}, body)
}

func byScheduler(_ *mastertest.Cluster, f *mastertest.Peer, m proto.Message) {
	f.Call(m.(*schedulerpb.Call))
}

func byStranger(c *mastertest.Cluster, _ *mastertest.Peer, m proto.Message) {
	c.Peer("h", "scheduler-h", "10.0.0.4:6000").Say(m)
}

func accepting(operation string) func(*mesospb.Offer) proto.Message {
	return func(offer *mesospb.Offer) proto.Message {
		call := &schedulerpb.Call{Type: schedulerpb.Call_ACCEPT.Enum(), Accept: &schedulerpb.Call_Accept{
			OfferIds: []*mesospb.OfferID{offer.GetId()}, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(5)},
		}}
		text := strings.ReplaceAll(operation, "$AGENT", offer.GetSlaveId().GetValue())
		text = strings.ReplaceAll(text, "$VOLUME", `name: "disk" type: SCALAR scalar { value: 64 }
			reservations { type: DYNAMIC role: "r" } disk { persistence { id: "v" } volume { container_path: "x" mode: RW } }`)
		op := &mesospb.Offer_Operation{}
		if err := prototext.Unmarshal([]byte(text), op); err != nil {
			panic(err)
		}
		call.Accept.Operations = []*mesospb.Offer_Operation{op}
		return call
	}
}

func written[M proto.Message](m M, text string) func(*mesospb.Offer) proto.Message {
	return func(*mesospb.Offer) proto.Message {
		m := m.ProtoReflect().New().Interface()
		if err := prototext.Unmarshal([]byte(text), m); err != nil {
			panic(err)
		}
		return m
	}
}

const numberedTask = `name: "t" task_id { value: "t" } slave_id { value: "$AGENT" } command { value: "true" }
	resources { name: "cpus" type: SCALAR scalar { value: 1 } } limits { key: "cpus" value { value: 2 } }
	health_check { type: TCP tcp { port: 80 } delay_seconds: 1 interval_seconds: 1 timeout_seconds: 1 grace_period_seconds: 1 }
	check { type: TCP tcp { port: 80 } delay_seconds: 1 interval_seconds: 1 timeout_seconds: 1 }`

var numberedMessages = []numbered{
	{"registration", byAgent, func(*mesospb.Offer) proto.Message {
		m := mastertest.Registration("10.0.0.9:5051")
		m.Slave.Attributes = []*mesospb.Attribute{{
			Name: proto.String("a"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(1)},
		}}
		return m
	}},
	{"subscription", byStranger, written(&schedulerpb.Call{}, `type: SUBSCRIBE subscribe { framework_info {
		user: "u" name: "n" roles: "r" capabilities { type: MULTI_ROLE } failover_timeout: 1 offer_filters { key: "r" value {
		min_allocatable_resources { quantities { quantities { key: "cpus" value { value: 1 } } } } } } } }`)},
	{"launch", byScheduler, accepting(`type: LAUNCH launch { task_infos { ` + numberedTask + ` } }`)},
	{"growth", byScheduler, accepting(`type: GROW_VOLUME grow_volume { volume { $VOLUME } addition { name: "disk" type: SCALAR scalar { value: 1 } } }`)},
	{"shrinking", byScheduler, accepting(`type: SHRINK_VOLUME shrink_volume { volume { $VOLUME } subtract { value: 1 } }`)},
	{"refusal", byScheduler, func(offer *mesospb.Offer) proto.Message {
		return &schedulerpb.Call{Type: schedulerpb.Call_DECLINE.Enum(), Decline: &schedulerpb.Call_Decline{
			OfferIds: []*mesospb.OfferID{offer.GetId()}, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(5)},
		}}
	}},
	{"weights", byOperator, written(&masterpb.Call{}, `type: UPDATE_WEIGHTS update_weights { weight_infos { role: "*" weight: 2 } }`)},
	{"quota", byOperator, written(&masterpb.Call{}, `type: UPDATE_QUOTA update_quota { quota_configs { role: "r"
		guarantees { key: "cpus" value { value: 1 } } limits { key: "cpus" value { value: 2 } } } }`)},
	{"quota of old", byOperator, written(&masterpb.Call{}, `type: SET_QUOTA set_quota { quota_request { role: "r"
		guarantee { name: "cpus" type: SCALAR scalar { value: 1 } } } }`)},
}

// eachNumber calls each with the path, field and message of every double that is set in m.
func eachNumber(m protoreflect.Message, path string, each func(string, protoreflect.FieldDescriptor, protoreflect.Message)) {
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		path := path + "." + string(field.Name())
		switch {
		case field.Kind() == protoreflect.DoubleKind:
			each(path, field, m)
		case field.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				if field.MapValue().Message() != nil {
					eachNumber(v.Message(), path+"["+k.String()+"]", each)
				}
				return true
			})
		case field.Message() != nil && field.IsList():
			for i := range v.List().Len() {
				eachNumber(v.List().Get(i).Message(), fmt.Sprintf("%s[%d]", path, i), each)
			}
		case field.Message() != nil:
			eachNumber(v.Message(), path, each)
		}
		return true
	})
}

// numbersIn collects the doubles that a message can have.
func numbersIn(m protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool, found map[protoreflect.FullName]bool) {
	if seen[m.FullName()] {
		return
	}
	seen[m.FullName()] = true
	for i := range m.Fields().Len() {
		field := m.Fields().Get(i)
		if field.Kind() == protoreflect.DoubleKind {
			found[field.FullName()] = true
		} else if field.Message() != nil {
			numbersIn(field.Message(), seen, found)
		}
	}
}

// Whatever number a peer or an operator sends, the master goes on, its book is consistent, and what it shows is JSON.
func TestOddNumbers(t *testing.T) {
	t.Parallel()
	tried := map[protoreflect.FullName]bool{}
	for _, n := range numberedMessages {
		eachNumber(n.make(&mesospb.Offer{}).ProtoReflect(), n.name, func(path string, field protoreflect.FieldDescriptor, _ protoreflect.Message) {
			tried[field.FullName()] = true
			for _, odd := range oddNumbers {
				t.Run(fmt.Sprintf("%s=%v", path, odd), func(t *testing.T) {
					t.Parallel()
					tryNumber(t, n, path, odd)
				})
			}
		})
	}
	untried := map[protoreflect.FullName]bool{}
	seen := map[protoreflect.FullName]bool{}
	for _, m := range []proto.Message{
		&schedulerpb.Call{}, &masterpb.Call{}, &internalpb.RegisterSlaveMessage{}, &internalpb.UpdateSlaveMessage{},
	} {
		numbersIn(m.ProtoReflect().Descriptor(), seen, untried)
	}
	for name := range untried {
		if !tried[name] && !slices.Contains(untouchedNumbers, name) {
			t.Errorf("%s is not tried", name)
		}
	}
}

// untouchedNumbers are passed on by a master and never read.
var untouchedNumbers = []protoreflect.FullName{"mesos.ResourceProviderInfo.Storage.reconciliation_interval_seconds"}

func tryNumber(t *testing.T, n numbered, path string, odd float64) {
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Agent("agent", "10.0.0.2:5051")
	f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
	m := n.make(f.Offer())
	eachNumber(m.ProtoReflect(), n.name, func(at string, field protoreflect.FieldDescriptor, m protoreflect.Message) {
		if at == path {
			m.Set(field, protoreflect.ValueOfFloat64(odd))
		}
	})
	n.say(c, f, m)
	c.Advance(10 * time.Second)
	for _, page := range []string{"/state", "/roles", "/weights", "/slaves"} {
		body := c.Get(page).Body
		if !json.Valid(body) || strings.Contains(string(body), ":null") && !strings.Contains(path, "attributes") { // attributes are shown as they are
			t.Errorf("%s is %s", page, body)
		}
	}
	for _, run := range mastertest.All[*internalpb.RunTaskMessage](agent) {
		eachNumber(run.ProtoReflect(), "run", func(path string, field protoreflect.FieldDescriptor, m protoreflect.Message) {
			if math.IsNaN(m.Get(field).Float()) {
				t.Errorf("the agent is sent %s", path)
			}
		})
	}
	c.Do(func(m *master.Master) {
		for _, a := range m.Book().Agents() {
			if cpus := a.Total.CPUs(); cpus < 0 {
				t.Errorf("%s has %v", a.ID, a.Total)
			}
		}
	})
}
