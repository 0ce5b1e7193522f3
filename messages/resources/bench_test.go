package resources_test

import (
	"math"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// naive implements the algebra directly on messages, as a master written straight from the definitions would: a slice
// of messages, compared field by field and copied before each change.
type naive []*mesospb.Resource

func (n naive) plus(other naive) naive {
	sum := n.clone()
	for _, r := range other {
		if i := slices.IndexFunc(sum, func(s *mesospb.Resource) bool { return sameKind(s, r) }); i >= 0 {
			addValue(sum[i], r, 1)
			continue
		}
		sum = append(sum, proto.CloneOf(r))
	}
	return sum
}

func (n naive) minus(other naive) naive {
	left := n.clone()
	for _, r := range other {
		if i := slices.IndexFunc(left, func(s *mesospb.Resource) bool { return sameKind(s, r) }); i >= 0 {
			addValue(left[i], r, -1)
		}
	}
	return left
}

func (n naive) contains(other naive) bool {
	for _, r := range other {
		i := slices.IndexFunc(n, func(s *mesospb.Resource) bool { return sameKind(s, r) })
		if i < 0 || n[i].GetScalar().GetValue() < r.GetScalar().GetValue() {
			return false
		}
		if r.GetRanges() != nil && !intervals(n[i].GetRanges()).Contains(intervals(r.GetRanges())) {
			return false
		}
	}
	return true
}

func (n naive) clone() naive {
	out := make(naive, len(n))
	for i, r := range n {
		out[i] = proto.CloneOf(r)
	}
	return out
}

func sameKind(a, b *mesospb.Resource) bool {
	if a.GetName() != b.GetName() || a.GetType() != b.GetType() || !proto.Equal(a.GetDisk(), b.GetDisk()) ||
		!proto.Equal(a.GetAllocationInfo(), b.GetAllocationInfo()) ||
		!proto.Equal(a.GetRevocable(), b.GetRevocable()) || !proto.Equal(a.GetProviderId(), b.GetProviderId()) {
		return false
	}
	return slices.EqualFunc(a.GetReservations(), b.GetReservations(), func(x, y *mesospb.Resource_ReservationInfo) bool {
		return proto.Equal(x, y)
	})
}

func addValue(to, r *mesospb.Resource, sign float64) {
	switch {
	case r.GetScalar() != nil:
		sum := math.Round(to.GetScalar().GetValue()*1000) + sign*math.Round(r.GetScalar().GetValue()*1000)
		to.Scalar.Value = proto.Float64(sum / 1000)
	case r.GetRanges() != nil && sign > 0:
		to.Ranges = rangesProto(intervals(to.GetRanges()).Plus(intervals(r.GetRanges())))
	case r.GetRanges() != nil:
		to.Ranges = rangesProto(intervals(to.GetRanges()).Minus(intervals(r.GetRanges())))
	}
}

func intervals(p *mesospb.Value_Ranges) resources.Ranges {
	var rs []resources.Range
	for _, r := range p.GetRange() {
		rs = append(rs, resources.Range{Begin: r.GetBegin(), End: r.GetEnd()})
	}
	return resources.RangesOf(rs...)
}

func rangesProto(rs resources.Ranges) *mesospb.Value_Ranges {
	out := &mesospb.Value_Ranges{}
	for _, r := range rs.Intervals() {
		out.Range = append(out.Range, &mesospb.Value_Range{Begin: &r.Begin, End: &r.End})
	}
	return out
}

var sink any

// BenchmarkAgainstProtobuf runs each operation on the values of this package and on messages, and reports how many
// times slower the messages are.
func BenchmarkAgainstProtobuf(b *testing.B) {
	agent := parse(b, "cpus:32;mem:131072;disk:1000000;ports:[31000-32000]").Allocate("web")
	task := parse(b, "cpus:0.5;mem:256;disk:100;ports:[31500-31501]").Allocate("web")
	pa, pt, same := naive(agent.Proto()), naive(task.Proto()), naive(agent.Proto())
	for _, c := range []struct {
		name  string
		ours  func()
		naive func()
	}{
		{"plus", func() { sink = agent.Plus(task) }, func() { sink = pa.plus(pt) }},
		{"minus", func() { sink = agent.Minus(task) }, func() { sink = pa.minus(pt) }},
		{"contains", func() { sink = agent.Contains(task) }, func() { sink = pa.contains(pt) }},
		{"equal", func() { sink = agent.Equal(agent) }, func() { sink = pa.contains(same) && same.contains(pa) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				c.naive()
			}
			theirs := b.Elapsed()
			b.ResetTimer()
			for range b.N {
				c.ours()
			}
			b.ReportMetric(float64(theirs.Nanoseconds())/float64(b.N), "protobuf-ns/op")
			b.ReportMetric(float64(theirs)/float64(b.Elapsed()), "times-faster")
		})
	}
}

func BenchmarkFromProto(b *testing.B) {
	ps := parse(b, "cpus:0.5;mem:256;disk:100;ports:[31500-31501]").Allocate("web").Proto()
	b.ReportAllocs()
	for b.Loop() {
		sink = resources.FromValid(ps)
	}
}

func BenchmarkProto(b *testing.B) {
	rs := parse(b, "cpus:0.5;mem:256;disk:100;ports:[31500-31501]").Allocate("web")
	b.ReportAllocs()
	for b.Loop() {
		sink = rs.Proto()
	}
}

func BenchmarkAllocate(b *testing.B) {
	rs := parse(b, "cpus:0.5;mem:256;disk:100;ports:[31500-31501]")
	b.ReportAllocs()
	for b.Loop() {
		sink = rs.Allocate("web")
	}
}

func BenchmarkString(b *testing.B) {
	rs := parse(b, "cpus:0.5;mem:256;disk:100;ports:[31500-31501]").Allocate("web")
	for b.Loop() {
		sink = rs.String()
	}
}
