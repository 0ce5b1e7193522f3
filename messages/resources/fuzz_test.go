package resources_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// use calls what a daemon does with resources it was given.
func use(t *testing.T, rs resources.Resources) {
	if !rs.Plus(rs).Contains(rs) || !rs.Minus(rs).IsEmpty() || !rs.Equal(rs) {
		t.Errorf("%s breaks the algebra", rs)
	}
	again, err := resources.FromProto(rs.Proto())
	if err != nil || !again.Equal(rs) {
		t.Errorf("%s came back as %s, %v", rs, again, err)
	}
	_ = rs.Allocate("r").ToUnreserved().ScalarQuantities().String()
	_, _ = rs.PreRefinement()
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"cpus:4;mem:1024;ports:[31000-32000]", "disk(role):10;d:{a,b}", "ports:[0-18446744073709551615,5-6]", "cpus:1e300",
		`[{"name":"cpus","type":"SCALAR","scalar":{"value":2},"role":"a/b"}]`, "[1-2", "cpus:0.0004", ";;:", "a(b:c)",
		`[{"name":"disk","type":"SCALAR","scalar":{"value":9},"disk":{"source":{"type":"MOUNT","mount":{"root":"/d"}}}}]`,
	} {
		f.Add(seed, "*")
	}
	f.Fuzz(func(t *testing.T, text, role string) {
		if rs, err := resources.Parse(text, role); err == nil {
			use(t, rs)
		}
		if q, err := resources.ParseQuantities(text); err == nil && (!q.Contains(q) || !q.Minus(q).IsEmpty()) {
			t.Errorf("%s breaks the algebra", q)
		}
	})
}

func FuzzFromProto(f *testing.F) {
	for _, stack := range stacks {
		for _, disk := range disks {
			b, err := proto.Marshal(&mesospb.Resource{
				Name: proto.String("disk"), Type: mesospb.Value_SCALAR.Enum(), Reservations: stack, Disk: disk,
				Scalar: &mesospb.Value_Scalar{Value: proto.Float64(1.5)},
			})
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := &mesospb.Resource{}
		if proto.Unmarshal(b, p) != nil {
			return
		}
		if rs, err := resources.FromProto([]*mesospb.Resource{p, p}); err == nil {
			use(t, rs)
		}
	})
}
