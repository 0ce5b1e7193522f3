package resources_test

import (
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// parse calls resources.Parse and fails the test on an error.
func parse(t testing.TB, text string) resources.Resources {
	t.Helper()
	rs, err := resources.Parse(text, "*")
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return rs
}

func TestParsedTextPrintsAsMesosPrintsIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", "{}"},
		{"cpus:0", "{}"},
		{"cpus:4;mem:1024;ports:[31000-32000]", "cpus:4; mem:1024; ports:[31000-32000]"},
		{" cpus : 0.1 ; mem : 32.5 ", "cpus:0.1; mem:32.5"},
		{"cpus:1;mem:2;cpus:0.125", "cpus:1.125; mem:2"},
		{"cpus:0.1235", "cpus:0.124"},
		{"ports:[20-30,10-19,5-6]", "ports:[5-6, 10-30]"},
		{"disks:{sdb,sda}", "disks:{sda, sdb}"},
		{"disk(web):10", "disk(reservations: [(STATIC,web)]):10"},
		{"mem(*):1e6", "mem:1000000"},
		{`[{"name":"cpus","type":"SCALAR","scalar":{"value":2}}]`, "cpus:2"},
		{`[{"name":"cpus","type":"SCALAR","scalar":{"value":2},"role":"web"}]`, "cpus(reservations: [(STATIC,web)]):2"},
		{
			`[{"name":"disk","type":"SCALAR","scalar":{"value":9},"disk":{"source":{"type":"MOUNT","mount":{"root":"/d"}}}}]`,
			"disk[MOUNT:/d]:9",
		},
	} {
		if got := parse(t, c.text).String(); got != c.want {
			t.Errorf("Parse(%q) prints %q; want %q", c.text, got, c.want)
		}
	}
}

func TestTextThatIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"cpus", "Bad value for resources, missing or extra ':' in cpus"},
		{"cpus:1:2", "Bad value for resources, missing or extra ':' in cpus:1:2"},
		{"cpus(web:1", "Bad value for resources, mismatched parentheses in cpus(web:1"},
		{"cpus:a", "Bad type for resource cpus value a type TEXT"},
		{"cpus:-1", "Bad type for resource cpus value -1 type TEXT"},
		{"cpus:0.0001", "Invalid scalar resource: value <= 0"},
		{"cpus:1e300", "Invalid scalar resource: Unsupported floating point value"},
		{"cpus:NaN", "Bad type for resource cpus value NaN type TEXT"},
		{"ports:[1-", "Failed to parse resource ports value [1- error Mismatched brackets"},
		{"ports:[1]", `Failed to parse resource ports value [1] error Expecting one or more "ranges"`},
		{"ports:[5-1]", "Failed to parse resource ports value [5-1] error Invalid ranges resource: begin > end"},
		{"disk(web/):1", "Role 'web/' cannot end with a slash"},
		{"cpus:1;cpus:[1-2]", "Resources with the same name ('cpus') but different types are not allowed"},
		{
			`[{"name":"mem","type":"SCALAR","scalar":{"value":1},"revocable":{}}]`,
			"Revocable resources cannot be specified at the command line; do not include a 'revocable' key in the resources JSON",
		},
	} {
		_, err := resources.Parse(c.text, "*")
		if err == nil || err.Error() != c.want {
			t.Errorf("Parse(%q) fails with %v; want %s", c.text, err, c.want)
		}
	}
}

func TestDefaultRoleReservesWhatNamesNoRole(t *testing.T) {
	t.Parallel()
	rs, err := resources.Parse("cpus:1;mem(*):2", "web")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rs.String(), "cpus(reservations: [(STATIC,web)]):1; mem:2"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

func TestArithmetic(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b, sum, difference string }{
		{"cpus:1", "cpus:2;mem:1", "cpus:3; mem:1", "{}"},
		{"cpus:1;mem:512", "cpus:0.1", "cpus:1.1; mem:512", "cpus:0.9; mem:512"},
		{"ports:[1-10]", "ports:[3-5,20-20]", "ports:[1-10, 20-20]", "ports:[1-2, 6-10]"},
		{"d:{a,b}", "d:{b,c}", "d:{a, b, c}", "d:{a}"},
		{"cpus(web):1", "cpus:1", "cpus(reservations: [(STATIC,web)]):1; cpus:1", "cpus(reservations: [(STATIC,web)]):1"},
	} {
		a, b := parse(t, c.a), parse(t, c.b)
		if got := a.Plus(b).String(); got != c.sum {
			t.Errorf("%s + %s = %s; want %s", a, b, got, c.sum)
		}
		if got := a.Minus(b).String(); got != c.difference {
			t.Errorf("%s - %s = %s; want %s", a, b, got, c.difference)
		}
	}
}

func TestAllocationIsPrintedAndTakenBack(t *testing.T) {
	t.Parallel()
	rs := parse(t, "cpus:1;mem:128")
	allocated := rs.Allocate("*")
	if got, want := allocated.String(), "cpus(allocated: *):1; mem(allocated: *):128"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
	if allocated.Contains(rs) || rs.Contains(allocated) {
		t.Error("allocated and unallocated resources contain each other")
	}
	if !allocated.Unallocate().Equal(rs) {
		t.Errorf("unallocated: %s", allocated.Unallocate())
	}
}

func TestReservationsStack(t *testing.T) {
	t.Parallel()
	dynamic := func(role string) *mesospb.Resource_ReservationInfo {
		return &mesospb.Resource_ReservationInfo{
			Type: mesospb.Resource_ReservationInfo_DYNAMIC.Enum(), Role: &role,
		}
	}
	rs := parse(t, "cpus(eng):1")
	refined, err := rs.PushReservation(dynamic("eng/dev"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := refined.String(), "cpus(reservations: [(STATIC,eng),(DYNAMIC,eng/dev)]):1"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
	if !refined.PopReservation().Equal(rs) {
		t.Errorf("popped: %s", refined.PopReservation())
	}
	if _, err := refined.PreRefinement(); err == nil {
		t.Error("a refined reservation was written in the old format")
	}
	if _, err := rs.PushReservation(dynamic("ops")); err == nil {
		t.Error("eng was refined to ops")
	}
}

func TestAVolumeShrinksToSomethingSmaller(t *testing.T) {
	t.Parallel()
	for subtract, want := range map[float64]string{
		4: "", 0: "greater than zero", -1: "greater than zero", 10: "smaller than", 11: "smaller than",
		math.NaN(): "Unsupported", math.Inf(1): "Unsupported", 1e300: "Unsupported",
	} {
		_, err := resources.ConversionsOf(&mesospb.Offer_Operation{
			Type: mesospb.Offer_Operation_SHRINK_VOLUME.Enum(), ShrinkVolume: &mesospb.Offer_Operation_ShrinkVolume{
				Volume: messages(t, volume)[0], Subtract: &mesospb.Value_Scalar{Value: &subtract},
			}})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("a volume of 10 is shrunk by %v: %v", subtract, err)
		}
	}
}

func TestAllNumbersAreCounted(t *testing.T) {
	t.Parallel()
	all := resources.RangesOf(resources.Range{Begin: 0, End: math.MaxUint64})
	if n := all.Count(); n != math.MaxUint64 {
		t.Errorf("%s holds %d numbers", all, n)
	}
	if n := all.Minus(resources.RangesOf(resources.Range{Begin: 7, End: 7})).Count(); n != math.MaxUint64 {
		t.Errorf("all numbers but one are %d", n)
	}
	rs, err := resources.Parse("ports:[0-18446744073709551615]", "*")
	if err != nil || rs.Quantities().Get("ports") != math.MaxInt64 {
		t.Errorf("%s, %v: there are %d", rs, err, rs.Quantities().Get("ports"))
	}
}

// Resources in JSON are read as leniently as all JSON of Mesos.
func TestJSONResources(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`[{"name":"cpus","type":"SCALAR","scalar":{"value":"2"}}]`:                                   "cpus:2",
		` [{"name":"cpus","type":"SCALAR","scalar":{"value":2},"disk":null,"unknown":[]}]`:           "cpus:2",
		`[{"name":"d","type":"SET","set":{"item":"a"}}]`:                                             "d:{a}",
		`[{"name":"cpus","type":"SCALAR","scalar":{"value":2},"name":"mem"}]`:                        "mem:2",
		`[{"name":"cpus","type":"SCALAR","scalar":{"value":2},"allocationInfo":{"role":"x"}}]`:       "cpus:2",
		`[{"name":"p","type":"RANGES","ranges":{"range":[{"begin":1,"end":18446744073709551615}]}}]`: "p:[1-18446744073709551615]",
		`[]`: "{}",
	} {
		if rs, err := resources.Parse(text, "*"); err != nil || rs.String() != want {
			t.Errorf("%s is %s, %v; want %s", text, rs, err, want)
		}
	}
	for text, want := range map[string]string{
		`[{"type":"SCALAR","scalar":{"value":2}}]`:                "Some JSON resources were not formatted properly",
		`[{"name":"cpus","type":"SCALAR","scalar":{"value":{}}}]`: "Some JSON resources were not formatted properly",
		`[7]`: "Some JSON resources were not formatted properly",
		`[{"name":"cpus","type":"SCALAR","scalar":{"value":2}}`: "Bad value for resources",
	} {
		if rs, err := resources.Parse(text, "*"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is %s, %v; want %s", text, rs, err, want)
		}
	}
}

// A label without a key is preserved and does not panic.
func TestLabelsWithoutKeys(t *testing.T) {
	t.Parallel()
	labels := &mesospb.Labels{Labels: []*mesospb.Label{{Value: proto.String("v")}}}
	r := &mesospb.Resource{
		Name: proto.String("cpus"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(1)},
		Reservations: []*mesospb.Resource_ReservationInfo{{
			Type: mesospb.Resource_ReservationInfo_DYNAMIC.Enum(), Role: proto.String("r"), Labels: labels,
		}},
	}
	back := resources.FromValid([]*mesospb.Resource{r}).Proto()
	if len(back) != 1 || len(back[0].GetReservations()) != 1 || !proto.Equal(back[0].GetReservations()[0].GetLabels(), labels) {
		t.Errorf("came back as %v", back)
	}
}
