package resources_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// genResource draws a valid resource message of any kind: reserved, refined, on a disk, persistent, shared, revocable.
var genResource = rapid.Custom(func(t *rapid.T) *mesospb.Resource {
	p := &mesospb.Resource{Name: proto.String(rapid.SampledFrom([]string{"cpus", "mem", "disk"}).Draw(t, "name"))}
	switch rapid.IntRange(0, 9).Draw(t, "type") {
	case 0, 1:
		p.Name, p.Type, p.Ranges = proto.String("ports"), mesospb.Value_RANGES.Enum(), genRanges.Draw(t, "ranges")
	case 2:
		items := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), rapid.ID).Draw(t, "items")
		p.Name, p.Type, p.Set = proto.String("bugs"), mesospb.Value_SET.Enum(), &mesospb.Value_Set{Item: items}
	default:
		amount := float64(rapid.IntRange(0, 5000).Draw(t, "amount")) / 1000
		p.Type, p.Scalar = mesospb.Value_SCALAR.Enum(), &mesospb.Value_Scalar{Value: &amount}
	}
	p.Reservations = rapid.SampledFrom(stacks).Draw(t, "reservations")
	if p.GetName() == "disk" {
		p.Disk = rapid.SampledFrom(disks).Draw(t, "disk")
		if p.Disk.GetPersistence() != nil && rapid.Bool().Draw(t, "shared") {
			p.Shared = &mesospb.Resource_SharedInfo{}
		}
	}
	if rapid.Bool().Draw(t, "allocated") {
		p.AllocationInfo = &mesospb.Resource_AllocationInfo{Role: proto.String("eng")}
	}
	if rapid.IntRange(0, 4).Draw(t, "revocable") == 0 {
		p.Revocable = &mesospb.Resource_RevocableInfo{}
	}
	if rapid.IntRange(0, 4).Draw(t, "provider") == 0 {
		p.ProviderId = &mesospb.ResourceProviderID{Value: proto.String("csi")}
	}
	return p
})

// genRanges draws disjoint ranges.
var genRanges = rapid.Custom(func(t *rapid.T) *mesospb.Value_Ranges {
	var rs []resources.Range
	for range rapid.IntRange(1, 4).Draw(t, "n") {
		begin := rapid.Uint64Range(0, 60).Draw(t, "begin")
		rs = append(rs, resources.Range{Begin: begin, End: begin + rapid.Uint64Range(0, 20).Draw(t, "length")})
	}
	out := &mesospb.Value_Ranges{}
	for _, r := range resources.RangesOf(rs...).Intervals() {
		out.Range = append(out.Range, &mesospb.Value_Range{Begin: &r.Begin, End: &r.End})
	}
	return out
})

var stacks = [][]*mesospb.Resource_ReservationInfo{
	nil, nil, nil,
	{reservation(mesospb.Resource_ReservationInfo_STATIC, "eng", "")},
	{reservation(mesospb.Resource_ReservationInfo_DYNAMIC, "eng", "ops")},
	{
		reservation(mesospb.Resource_ReservationInfo_STATIC, "eng", ""),
		reservation(mesospb.Resource_ReservationInfo_DYNAMIC, "eng/dev", "ops"),
	},
}

func reservation(typ mesospb.Resource_ReservationInfo_Type, role, principal string) *mesospb.Resource_ReservationInfo {
	info := &mesospb.Resource_ReservationInfo{Type: typ.Enum(), Role: &role}
	if principal != "" {
		info.Principal = &principal
		info.Labels = &mesospb.Labels{Labels: []*mesospb.Label{{Key: proto.String("k"), Value: proto.String("v")}}}
	}
	return info
}

var disks = []*mesospb.Resource_DiskInfo{
	nil, nil,
	{Source: &mesospb.Resource_DiskInfo_Source{
		Type: mesospb.Resource_DiskInfo_Source_PATH.Enum(),
		Path: &mesospb.Resource_DiskInfo_Source_Path{Root: proto.String("/p")},
	}},
	{Source: &mesospb.Resource_DiskInfo_Source{
		Type:  mesospb.Resource_DiskInfo_Source_MOUNT.Enum(),
		Mount: &mesospb.Resource_DiskInfo_Source_Mount{Root: proto.String("/m")},
	}},
	{Source: &mesospb.Resource_DiskInfo_Source{Type: mesospb.Resource_DiskInfo_Source_RAW.Enum()}},
	{
		Persistence: &mesospb.Resource_DiskInfo_Persistence{Id: proto.String("v1")},
		Volume:      &mesospb.Volume{ContainerPath: proto.String("data"), Mode: mesospb.Volume_RW.Enum()},
	},
}

// genBag draws a bag of up to a few resources.
var genBag = rapid.Custom(func(t *rapid.T) resources.Resources {
	rs, err := resources.FromProto(rapid.SliceOfN(genResource, 0, 6).Draw(t, "resources"))
	if err != nil {
		t.Fatalf("a valid resource was refused: %v", err)
	}
	return rs
})

// genDivisible draws a bag without indivisible disks and without resources that cannot be added twice.
var genDivisible = rapid.Map(genBag, func(rs resources.Resources) resources.Resources {
	return rs.Filter(func(r resources.Resource) bool { return r.Type() == resources.ScalarType })
})

func TestWhatIsAddedCanBeSubtracted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := genDivisible.Draw(t, "a"), genDivisible.Draw(t, "b")
		if got := a.Plus(b).Minus(b); !got.Equal(a) {
			t.Fatalf("%s + %s - %s = %s", a, b, b, got)
		}
		if !a.Plus(b).Equal(b.Plus(a)) {
			t.Fatalf("%s + %s depends on the order", a, b)
		}
	})
}

func TestWhatIsContainedCanBeSubtractedAndAdded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := genBag.Draw(t, "a"), genBag.Draw(t, "b")
		if sum := a.Plus(b); !sum.Contains(a) || !sum.Contains(b) {
			t.Fatalf("%s + %s = %s, which does not contain them", a, b, sum)
		}
		if a.Contains(b) && !a.Minus(b).Plus(b).Equal(a) {
			t.Fatalf("%s - %s + %s = %s", a, b, b, a.Minus(b).Plus(b))
		}
		if !a.Minus(a).IsEmpty() {
			t.Fatalf("%s - itself = %s", a, a.Minus(a))
		}
	})
}

func TestContainsIsAPartialOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := genBag.Draw(t, "a")
		b := a.Minus(genBag.Draw(t, "x"))
		c := b.Minus(genBag.Draw(t, "y"))
		other := genBag.Draw(t, "other")
		switch {
		case !a.Contains(a):
			t.Fatalf("%s does not contain itself", a)
		case !a.Contains(b) || !b.Contains(c):
			t.Fatalf("%s, %s and %s do not contain each other", a, b, c)
		case !a.Contains(c):
			t.Fatalf("%s contains %s contains %s but is not transitive", a, b, c)
		case a.Contains(other) && other.Contains(a) && !a.Equal(other):
			t.Fatalf("%s and %s contain each other but are not equal", a, other)
		case a.Equal(other) != (a.Contains(other) && other.Contains(a)):
			t.Fatalf("%s and %s: Equal disagrees with Contains", a, other)
		}
	})
}

func TestOperandsDoNotChange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := genBag.Draw(t, "a"), genBag.Draw(t, "b")
		before := fmt.Sprint(a, b)
		sum := a.Plus(b)
		shown := sum.String()
		sum.Minus(a)
		sum.Plus(b)
		a.Minus(b)
		a.Allocate("x")
		a.ToUnreserved()
		a.Quantities().Plus(b.Quantities())
		if fmt.Sprint(a, b) != before || sum.String() != shown {
			t.Fatalf("operands changed: %s, %s, sum %s", a, b, sum)
		}
	})
}

func TestProtoRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rs := genBag.Draw(t, "rs")
		if rapid.Bool().Draw(t, "twice") {
			rs = rs.Plus(rs)
		}
		again, err := resources.FromProto(overTheWire(t, rs.Proto()))
		if err != nil || !again.Equal(rs) || again.String() != rs.String() {
			t.Fatalf("%s came back as %s, %v", rs, again, err)
		}
		again, err = resources.FromProto(overTheWire(t, rs.ForEndpoint()))
		if err != nil || !again.Equal(rs) {
			t.Fatalf("%s came back from both formats as %s, %v", rs, again, err)
		}
		old, err := rs.PreRefinement()
		if err != nil {
			return // refined
		}
		again, err = resources.FromProto(overTheWire(t, old))
		if err != nil || !again.Equal(rs) {
			t.Fatalf("%s came back from the old format as %s, %v", rs, again, err)
		}
	})
}

func overTheWire(t *rapid.T, ps []*mesospb.Resource) []*mesospb.Resource {
	out := make([]*mesospb.Resource, len(ps))
	for i, p := range ps {
		b, err := proto.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = &mesospb.Resource{}
		if err := proto.Unmarshal(b, out[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestTextRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rs := genBag.Draw(t, "rs").Unallocate().Filter(func(r resources.Resource) bool {
			_, provided := r.Provider()
			return !provided && !r.IsReserved() && r.Disk() == nil && !r.IsRevocable()
		})
		if rs.IsEmpty() {
			return // written as {}, which cannot be parsed
		}
		again, err := resources.Parse(rs.String(), "*")
		if err != nil || !again.Equal(rs) {
			t.Fatalf("%s came back as %s, %v", rs, again, err)
		}
	})
}

func TestReservationsComeAndGo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rs := genBag.Draw(t, "rs")
		pushed, err := rs.PushReservation(reservation(mesospb.Resource_ReservationInfo_DYNAMIC, "eng/dev/x", "me"))
		if err != nil {
			t.Fatal(err)
		}
		if !pushed.PopReservation().Equal(rs) {
			t.Fatalf("%s reserved and unreserved is %s", rs, pushed.PopReservation())
		}
		if !pushed.ToUnreserved().Equal(rs.ToUnreserved()) {
			t.Fatalf("%s without reservations is %s", pushed, pushed.ToUnreserved())
		}
		if got, want := pushed.Quantities(), rs.Quantities(); !got.Equal(want) {
			t.Fatalf("reserving changed the amounts from %s to %s", want, got)
		}
	})
}

func TestRangesAgreeWithSetsOfNumbers(t *testing.T) {
	t.Parallel()
	numbers := func(rs resources.Ranges) map[uint64]bool {
		set := map[uint64]bool{}
		for _, r := range rs.Intervals() {
			for n := r.Begin; n <= r.End; n++ {
				set[n] = true
			}
		}
		return set
	}
	draw := func(t *rapid.T, name string) resources.Ranges {
		var rs []resources.Range
		for range rapid.IntRange(0, 5).Draw(t, name) {
			begin := rapid.Uint64Range(0, 40).Draw(t, "begin")
			rs = append(rs, resources.Range{Begin: begin, End: begin + rapid.Uint64Range(0, 9).Draw(t, "length")})
		}
		return resources.RangesOf(rs...)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t, "a"), draw(t, "b")
		na, nb, sum, difference := numbers(a), numbers(b), numbers(a.Plus(b)), numbers(a.Minus(b))
		contained := true
		for n := range uint64(60) {
			if sum[n] != (na[n] || nb[n]) || difference[n] != (na[n] && !nb[n]) {
				t.Fatalf("%d: %s + %s = %s, - = %s", n, a, b, a.Plus(b), a.Minus(b))
			}
			contained = contained && (na[n] || !nb[n])
		}
		if a.Contains(b) != contained {
			t.Fatalf("%s contains %s: %t", a, b, a.Contains(b))
		}
		if a.Count() != uint64(len(na)) {
			t.Fatalf("%s has %d numbers", a, a.Count())
		}
	})
}
