package resources_test

import (
	"math"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// Parts of resources, as protobuf text.
const (
	scalar = `name: "disk" type: SCALAR scalar { value: 1 } `
	static = `reservations { type: STATIC role: "eng" } `
)

// validations lists resources and the reason why each is refused, or "" if it is valid.
var validations = []struct{ text, want string }{
	{scalar, ""},
	{scalar + `role: "*"`, ""},
	{scalar + `role: "eng" reservation { principal: "p" }`, ""},
	{scalar + static, ""},
	{scalar + static + `role: "eng"`, ""},
	{scalar + static + `reservations { type: DYNAMIC role: "eng/dev" }`, ""},
	{`name: "" type: SCALAR scalar { value: 1 }`, "Empty resource name"},
	{`name: "a" type: TEXT`, "Unsupported resource type"},
	{`name: "a" type: SCALAR`, "Invalid scalar resource"},
	{`name: "a" type: SCALAR scalar { value: 1 } set { item: "x" }`, "Invalid scalar resource"},
	{`name: "a" type: SCALAR scalar { value: -1 }`, "Invalid scalar resource: value <= 0"},
	{`name: "a" type: SCALAR scalar { value: 0.0004 }`, "Invalid scalar resource: value <= 0"},
	{`name: "a" type: SCALAR scalar { value: nan }`, "Invalid scalar resource: Unsupported floating point value"},
	{`name: "a" type: RANGES`, "Invalid ranges resource"},
	{`name: "a" type: RANGES ranges { range { begin: 2 end: 1 } }`, "Invalid ranges resource: begin > end"},
	{
		`name: "a" type: RANGES ranges { range { begin: 5 end: 9 } range { begin: 1 end: 5 } }`,
		"Invalid ranges resource: overlapping ranges",
	},
	{`name: "a" type: SET set { item: "x" item: "x" }`, "Invalid set resource: duplicated elements"},
	{
		`name: "cpus" type: SCALAR scalar { value: 1 } disk { }`,
		"DiskInfo should not be set for cpus resource",
	},
	{scalar + `disk { source { type: RAW mount { } } }`, "Mount should not be set for RAW disk source"},
	{scalar + `disk { source { type: BLOCK path { } } }`, "Path should not be set for BLOCK disk source"},
	{scalar + `disk { source { type: UNKNOWN } }`, "Unsupported 'DiskInfo.Source.Type' in 'UNKNOWN'"},
	{scalar + `role: "a b"`, "Role component 'a b' is invalid because it contains backspace or whitespace"},
	{
		scalar + `role: "*" reservation { }`,
		`Invalid reservation: role "*" cannot be dynamically reserved`,
	},
	{
		scalar + `role: "eng" reservation { type: DYNAMIC }`,
		"'Resource.ReservationInfo.type' must not be set for the 'Resource.reservation' field",
	},
	{
		scalar + `reservations { role: "eng" }`,
		"Invalid reservation: 'Resource.ReservationInfo.type' field must be set.",
	},
	{scalar + `reservations { type: STATIC role: "*" }`, `Invalid reservation: role "*" cannot be reserved`},
	{
		scalar + static + `reservations { type: STATIC role: "eng/dev" }`,
		"Invalid refined reservation: A refined reservation cannot be STATIC",
	},
	{
		scalar + static + `reservations { type: DYNAMIC role: "engineering" }`,
		"Invalid refined reservation: role 'engineering' is not a refinement of 'eng'",
	},
	{
		scalar + static + `role: "ops"`,
		"Invalid resource format: 'Resource.role' field with 'ops' does not match the role 'eng' in 'Resource.reservations'",
	},
	{
		scalar + `role: "eng" reservations { type: DYNAMIC role: "eng" }`,
		"Invalid resource format: 'Resource.role' and 'Resource.reservation' must either be both set or both not" +
			" set if the single reservation in 'Resource.reservations' is DYNAMIC",
	},
	{`name: "cpus" type: SCALAR scalar { value: 1 } shared { }`, "Resource cpus cannot be shared"},
	{scalar + `shared { }`, "Only persistent volumes can be shared"},
}

func TestValidation(t *testing.T) {
	t.Parallel()
	for _, c := range validations {
		p := &mesospb.Resource{}
		if err := prototext.Unmarshal([]byte(c.text), p); err != nil {
			t.Fatalf("%s: %v", c.text, err)
		}
		got := ""
		if err := resources.Validate(p); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.text, got, c.want)
		}
	}
}

func TestQuantitiesRoundToThousandths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   float64
		text string
	}{
		{0, "0"},
		{1, "1"},
		{0.1, "0.1"},
		{0.1 + 0.2, "0.3"},
		{1.0005, "1.001"},
		{0.0004, "0"},
		{-2.5, "-2.5"},
		{123456789.125, "123456789.125"},
		{1e15, "1e+15"},
		{math.Inf(1), "9.22337203685478e+15"},
		{math.NaN(), "0"},
	} {
		q := resources.QuantityOf(c.in)
		if q.String() != c.text {
			t.Errorf("QuantityOf(%v) prints %s; want %s", c.in, q, c.text)
		}
		if back := resources.QuantityOf(q.Float()); math.Abs(c.in) < 1e9 && back != q {
			t.Errorf("%s came back as %s", q, back)
		}
	}
}

func TestSumsDoNotWrap(t *testing.T) {
	t.Parallel()
	much := parse(t, "mem:9e15")
	if sum := much.Plus(much).Plus(much); sum.Mem() < much.Mem() {
		t.Errorf("the sum is %s", sum)
	}
}
