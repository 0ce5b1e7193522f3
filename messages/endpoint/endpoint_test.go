package endpoint_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/attributes"
	"meseta/messages/endpoint"
	"meseta/messages/jsonwriter"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// written is the JSON object that fields writes.
func written(fields func(jsonwriter.Object)) string { return string(jsonwriter.Bytes(fields)) }

// given returns the resources of text, and those of revocable as revocable ones.
func given(t *testing.T, text, revocable string) resources.Resources {
	t.Helper()
	own, err := resources.Parse(text, "*")
	if err != nil {
		t.Fatal(err)
	}
	lent, err := resources.Parse(revocable, "*")
	if err != nil {
		t.Fatal(err)
	}
	all := lent.Proto()
	for _, r := range all {
		r.Revocable = &mesospb.Resource_RevocableInfo{}
	}
	return own.Plus(resources.FromValid(all))
}

// Amounts are those of each name over all roles; what is revocable has a name and an amount of its own.
func TestResources(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ own, revocable, want string }{
		"nothing": {"", "", `"disk":0.0,"mem":0.0,"gpus":0.0,"cpus":0.0`},
		"the usual ones": {
			"cpus:4;mem:1024;ports:[31000-32000]", "", `"disk":0.0,"mem":1024.0,"gpus":0.0,"cpus":4.0,"ports":"[31000-32000]"`,
		},
		"of several roles": {
			"cpus:1.5;cpus(web):2;ports:[1-2];ports(web):[3-4, 9-9];who:{a};who(web):{c,b}", "",
			`"disk":0.0,"mem":0.0,"gpus":0.0,"cpus":3.5,"ports":"[1-4, 9-9]","who":"{a, b, c}"`,
		},
		"scalars, then ranges, then sets, by name": {
			"zoo:{z};b:2;a:1;years:[1-2];days:[3-3];ants:{a}", "",
			`"disk":0.0,"mem":0.0,"gpus":0.0,"cpus":0.0,"a":1.0,"b":2.0,"days":"[3-3]","years":"[1-2]","ants":"{a}","zoo":"{z}"`,
		},
		"only revocable": {"", "cpus:2;ports:[1-2]", `"disk":0.0,"mem":0.0,"gpus":0.0,"cpus":0.0,"cpus_revocable":2.0,"ports_revocable":"[1-2]"`},
		"both": {
			"cpus:1;ports:[1-2];who:{a}", "cpus:2;ports:[8-9];who:{b}",
			`"disk":0.0,"mem":0.0,"gpus":0.0,"cpus":1.0,"cpus_revocable":2.0,"ports":"[1-2]","ports_revocable":"[8-9]","who":"{a}","who_revocable":"{b}"`,
		},
	} {
		rs := given(t, c.own, c.revocable)
		if got, want := written(func(o jsonwriter.Object) { endpoint.Resources(o, "r", rs) }), `{"r":{`+c.want+`}}`; got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
	}
}

// Resources in full say whose they are, with fields of the older format beside those of the newer.
func TestResourcesFull(t *testing.T) {
	t.Parallel()
	rs := given(t, "cpus:1", "")
	want := `{"r":[{"name":"cpus","type":"SCALAR","scalar":{"value":1.0},"role":"*"}]}`
	if got := written(func(o jsonwriter.Object) { endpoint.ResourcesFull(o, "r", rs) }); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := written(func(o jsonwriter.Object) { endpoint.ResourcesFull(o, "r", resources.Resources{}) }); got != `{"r":[]}` {
		t.Errorf("nothing is %s", got)
	}
}

func TestQuantities(t *testing.T) {
	t.Parallel()
	q := given(t, "mem:2;cpus:0.5;ports:[1-3]", "").Quantities()
	if got, want := written(func(o jsonwriter.Object) { endpoint.Quantities(o, "q", q) }), `{"q":{"cpus":0.5,"mem":2.0,"ports":3.0}}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRoleOf(t *testing.T) {
	t.Parallel()
	free := given(t, "cpus:1;mem:2", "")
	if got := endpoint.RoleOf(free); got != "*" {
		t.Errorf("what is not allocated has role %q, want *", got)
	}
	if got := endpoint.RoleOf(free.Allocate("web/front")); got != "web/front" {
		t.Errorf("what is allocated to web/front has role %q", got)
	}
	if got := endpoint.RoleOf(resources.Resources{}); got != "*" {
		t.Errorf("nothing has role %q, want *", got)
	}
}

// Attributes have the types that their values have, in the order in which they were given.
func TestAttributes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                         `{}`,
		"rack:r1;zone:z1":          `{"rack":"r1","zone":"z1"}`,
		"speed:2.5;cores:4":        `{"speed":2.5,"cores":4.0}`,
		"years:[1998-2001, 7-8]":   `{"years":"[7-8, 1998-2001]"}`,
		"zone:z;area:a":            `{"zone":"z","area":"a"}`,
		"url:http://a.example:80/": `{"url":"http://a.example:80/"}`,
	} {
		given, err := attributes.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := written(func(o jsonwriter.Object) { endpoint.Attributes(o, given) }); got != `{"attributes":`+want+`}` {
			t.Errorf("%s is written as %s, want %s", text, got, want)
		}
	}
}

// Flags are sorted, whatever the map's order.
func TestFlags(t *testing.T) {
	t.Parallel()
	flags := map[string]string{"port": "5051", "ip": "", "work_dir": `/a"b`}
	for range 10 {
		if got, want := written(func(o jsonwriter.Object) { endpoint.Flags(o, flags) }), `{"flags":{"ip":"","port":"5051","work_dir":"/a\"b"}}`; got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		t    time.Time
		want float64
	}{
		{time.Time{}, 0}, {time.Unix(0, 0), 0}, {time.Unix(1795736804, 529741000), 1795736804.529741}, {time.Unix(-1, 0), -1},
	} {
		if got := endpoint.Seconds(c.t); got != c.want {
			t.Errorf("%v is %f, want %f", c.t, got, c.want)
		}
	}
}

// A command shows its environment and its kind only if it has them, its arguments and URIs always.
func TestCommand(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]*mesospb.CommandInfo{
		`{"argv":[],"uris":[]}`: nil,
		`{"shell":false,"value":"/bin/ls","argv":["ls","-l"],"uris":[]}`: {
			Shell: proto.Bool(false), Value: proto.String("/bin/ls"), Arguments: []string{"ls", "-l"},
		},
		`{"value":"","argv":[],"environment":{"variables":[{"name":"A","type":"VALUE","value":"1"}]},` +
			`"uris":[{"value":"http://a/x","executable":true},{"value":"y","executable":false}]}`: {
			Value:       proto.String(""),
			Environment: &mesospb.Environment{Variables: []*mesospb.Environment_Variable{{Name: proto.String("A"), Value: proto.String("1")}}},
			Uris: []*mesospb.CommandInfo_URI{
				{Value: proto.String("http://a/x"), Executable: proto.Bool(true)}, {Value: proto.String("y"), Extract: proto.Bool(false)},
			},
		},
	} {
		if got := written(func(o jsonwriter.Object) { endpoint.Command(o, c) }); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
