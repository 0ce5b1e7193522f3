package evolve

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/pb/v1/masterv1pb"
	"meseta/messages/pb/v1/schedulerv1pb"
)

// These messages have a field number that means something else in v1. The Subscribe of v0 kept a field that v1 dropped,
// which shifted the later ones; DrainAgent has another type for its duration. Both are converted without those fields,
// which are then converted by hand. The originals do not change: the copies share their parts and only read them.

func evolveSubscribeCall(v0 *schedulerpb.Call, v1 *schedulerv1pb.Call) {
	rest := shallow(v0)
	rest.Subscribe = nil
	recode(rest, v1)
	if v0.Subscribe != nil {
		v1.Subscribe = new(schedulerv1pb.Call_Subscribe)
		evolveSubscribe(v0.Subscribe, v1.Subscribe)
	}
}

func devolveSubscribeCall(v1 *schedulerv1pb.Call, v0 *schedulerpb.Call) {
	rest := shallow(v1)
	rest.Subscribe = nil
	recode(rest, v0)
	if v1.Subscribe != nil {
		v0.Subscribe = new(schedulerpb.Call_Subscribe)
		devolveSubscribe(v1.Subscribe, v0.Subscribe)
	}
}

func evolveSubscribe(v0 *schedulerpb.Call_Subscribe, v1 *schedulerv1pb.Call_Subscribe) {
	rest := shallow(v0)
	rest.Force, rest.SuppressedRoles, rest.OfferConstraints = nil, nil, nil
	recode(rest, v1)
	v1.SuppressedRoles = v0.SuppressedRoles
	if v0.OfferConstraints != nil {
		v1.OfferConstraints = Evolve[schedulerv1pb.OfferConstraints](v0.OfferConstraints)
	}
}

func devolveSubscribe(v1 *schedulerv1pb.Call_Subscribe, v0 *schedulerpb.Call_Subscribe) {
	rest := shallow(v1)
	rest.SuppressedRoles, rest.OfferConstraints = nil, nil
	recode(rest, v0)
	v0.SuppressedRoles = v1.SuppressedRoles
	if v1.OfferConstraints != nil {
		v0.OfferConstraints = Devolve[schedulerpb.OfferConstraints](v1.OfferConstraints)
	}
}

func evolveDrainCall(v0 *masterpb.Call, v1 *masterv1pb.Call) {
	rest := shallow(v0)
	rest.DrainAgent = nil
	recode(rest, v1)
	if v0.DrainAgent != nil {
		v1.DrainAgent = new(masterv1pb.Call_DrainAgent)
		evolveDrain(v0.DrainAgent, v1.DrainAgent)
	}
}

func devolveDrainCall(v1 *masterv1pb.Call, v0 *masterpb.Call) {
	rest := shallow(v1)
	rest.DrainAgent = nil
	recode(rest, v0)
	if v1.DrainAgent != nil {
		v0.DrainAgent = new(masterpb.Call_DrainAgent)
		devolveDrain(v1.DrainAgent, v0.DrainAgent)
	}
}

func evolveDrain(v0 *masterpb.Call_DrainAgent, v1 *masterv1pb.Call_DrainAgent) {
	rest := shallow(v0)
	rest.MaxGracePeriod = nil
	recode(rest, v1)
	if period := v0.MaxGracePeriod; period != nil {
		ns := period.GetNanoseconds()
		v1.MaxGracePeriod = &durationpb.Duration{Seconds: ns / 1e9, Nanos: int32(ns % 1e9)}
	}
}

func devolveDrain(v1 *masterv1pb.Call_DrainAgent, v0 *masterpb.Call_DrainAgent) {
	rest := shallow(v1)
	rest.MaxGracePeriod = nil
	recode(rest, v0)
	if period := v1.MaxGracePeriod; period != nil {
		v0.MaxGracePeriod = &mesospb.DurationInfo{Nanoseconds: proto.Int64(int64(period.AsDuration()))}
	}
}

// shallow returns a copy of m that shares its parts.
func shallow[M proto.Message](m M) M {
	from := m.ProtoReflect()
	to := from.New()
	for field, value := range from.Range {
		to.Set(field, value)
	}
	to.SetUnknown(from.GetUnknown())
	return to.Interface().(M)
}
