package resources_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/attributes"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/values"
)

// use calls the methods that a daemon calls on resources it was given.
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

// Resources, quantities and attributes share one grammar.
func FuzzOneGrammar(f *testing.F) {
	for _, seed := range []string{"4", "0x10p0", "1e400", "1e-320", "[1-3, 0x5-0x6]", "{a,b}", "[3-1]", "text", "1_0", "-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, ":;\n") { // these separate values
			return
		}
		v, err := values.Parse(text)
		isScalar := err == nil && v.GetType() == mesospb.Value_SCALAR
		if _, err := resources.ParseQuantities("x:" + text); (err == nil) != isScalar {
			t.Errorf("%q is %v, but as a quantity %v", text, v, err)
		}
		if as, failed := attributes.Parse("x:" + text); failed == nil && (err != nil || as[0].GetType() != v.GetType()) ||
			failed != nil && err == nil && v.GetType() != mesospb.Value_SET {
			t.Errorf("%q is %v, %v, but as an attribute %v, %v", text, v, err, as, failed)
		}
		rs, failed := resources.Parse("x:"+text, "*")
		for r := range rs.All() {
			if err != nil || r.Proto().GetType() != v.GetType() {
				t.Errorf("%q is %v, %v, but as a resource %s", text, v, err, r)
			}
		}
		if failed == nil && (err != nil || v.GetType() == mesospb.Value_TEXT) {
			t.Errorf("%q is %v, %v, but a resource", text, v, err)
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
