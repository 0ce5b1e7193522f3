// Package evolve converts between the messages of API v1 (mesos.v1), which clients use over HTTP, and those of v0
// (mesos), which the daemons use among themselves. The verbs are Mesos's: to evolve is to convert v0 to v1, to devolve
// is the reverse.
//
// The two versions differ in names (agents were called slaves) and agree on the wire. So almost every message is
// converted by encoding it as one type and decoding it as the other, which preserves unknown fields. The exceptions, in
// which a field number has two meanings, are converted by code in this package.
package evolve

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/pb/v1/masterv1pb"
	"meseta/messages/pb/v1/schedulerv1pb"
)

// message is the pointer type of a generated message type M.
type message[M any] interface {
	*M
	proto.Message
}

// Evolve converts v0 to its namesake To of v1: Evolve[mesosv1pb.Offer](offer). Required fields may be missing. It
// panics if the types are not namesakes.
func Evolve[To any, P message[To]](v0 proto.Message) P {
	v1 := P(new(To))
	checkNamesakes(v0, v1)
	switch to := proto.Message(v1).(type) {
	case *schedulerv1pb.Call:
		evolveSubscribeCall(v0.(*schedulerpb.Call), to)
	case *schedulerv1pb.Call_Subscribe:
		evolveSubscribe(v0.(*schedulerpb.Call_Subscribe), to)
	case *masterv1pb.Call:
		evolveDrainCall(v0.(*masterpb.Call), to)
	case *masterv1pb.Call_DrainAgent:
		evolveDrain(v0.(*masterpb.Call_DrainAgent), to)
	default:
		recode(v0, v1)
	}
	return v1
}

// Devolve converts v1 to its namesake To of v0: Devolve[mesospb.Offer](offer). Required fields may be missing. It
// panics if the types are not namesakes.
func Devolve[To any, P message[To]](v1 proto.Message) P {
	v0 := P(new(To))
	checkNamesakes(v0, v1)
	switch to := proto.Message(v0).(type) {
	case *schedulerpb.Call:
		devolveSubscribeCall(v1.(*schedulerv1pb.Call), to)
	case *schedulerpb.Call_Subscribe:
		devolveSubscribe(v1.(*schedulerv1pb.Call_Subscribe), to)
	case *masterpb.Call:
		devolveDrainCall(v1.(*masterv1pb.Call), to)
	case *masterpb.Call_DrainAgent:
		devolveDrain(v1.(*masterv1pb.Call_DrainAgent), to)
	default:
		recode(v1, v0)
	}
	return v0
}

// All converts each message of a list: All(offers, Evolve[mesosv1pb.Offer]).
func All[From proto.Message, To any](from []From, convert func(proto.Message) To) []To {
	if from == nil {
		return nil
	}
	to := make([]To, len(from))
	for i := range from {
		to[i] = convert(from[i])
	}
	return to
}

// recode panics only for types that do not agree on the wire. The package's tests exclude that.
func recode(from, to proto.Message) {
	data, err := proto.MarshalOptions{AllowPartial: true}.Marshal(from)
	if err == nil {
		err = proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(data, to)
	}
	if err != nil {
		panic(fmt.Sprintf("evolve: %s as %s: %v", from.ProtoReflect().Descriptor().FullName(),
			to.ProtoReflect().Descriptor().FullName(), err))
	}
}

func checkNamesakes(v0, v1 proto.Message) {
	before, after := v0.ProtoReflect().Descriptor().FullName(), v1.ProtoReflect().Descriptor().FullName()
	if NameInV1(before) != after {
		panic(fmt.Sprintf("evolve: %s is %s in v1, not %s", before, NameInV1(before), after))
	}
}

// NameInV1 returns the name in v1 of a message of v0.
func NameInV1(v0 protoreflect.FullName) protoreflect.FullName {
	inside, ok := strings.CutPrefix(string(v0), "mesos.")
	if !ok {
		return v0
	}
	inside = strings.ReplaceAll(inside, "SlaveInfo", "AgentInfo")
	inside = strings.ReplaceAll(inside, "SlaveID", "AgentID")
	return protoreflect.FullName("mesos.v1." + inside)
}
