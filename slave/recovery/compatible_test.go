package recovery_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/attributes"
	"meseta/messages/ids"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/recovery"
)

// info describes an agent of the recordings.
func info(t *testing.T, res, attrs string) *mesospb.SlaveInfo {
	t.Helper()
	rs, err := resources.Parse(res, "*")
	if err != nil {
		t.Fatal(err)
	}
	as, err := attributes.Parse(attrs)
	if err != nil {
		t.Fatal(err)
	}
	return &mesospb.SlaveInfo{
		Id: ids.Agent("f1f4cc6a-e938-48db-ae4f-b6dbdd43f484-S0").Proto(), Hostname: proto.String("localhost"), Port: proto.Int32(5051),
		Checkpoint: proto.Bool(true), Resources: rs.Proto(), Attributes: as,
	}
}

var (
	step  = regexp.MustCompile(`(?m)^--- \d+: reconfiguration_policy=(\w+) resources=(\S+) attributes=(\S+) (.*)$`)
	extra = regexp.MustCompile(`'(\w+)': '?(.*?)'?}$`)
)

// An agent is accepted and refused as the reference accepts and refuses it, in the same words.
//
// Recorded in golden/recovery/5-reconfigure-results.txt.
func TestReconfigurationAsRecorded(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(shared(t, "golden/recovery/5-reconfigure-results.txt"))
	if err != nil {
		t.Fatal(err)
	}
	all := step.FindAllStringSubmatchIndex(string(content), -1)
	if len(all) != 12 {
		t.Fatalf("%d steps were recorded", len(all))
	}
	was := info(t, "cpus:4;mem:4096;disk:8192;ports:[31000-32000]", "rack:r1;zone:z1")
	for i, at := range all {
		end := len(content)
		if i+1 < len(all) {
			end = all[i+1][0]
		}
		field := func(n int) string { return string(content[at[2*n]:at[2*n+1]]) }
		now := info(t, field(2), field(3))
		change(t, now, field(4))
		got := ""
		if err := recovery.Policy(field(1)).Compatible(was, now); err != nil {
			got = err.Error()
		}
		if want := complaint(string(content[at[1]:end])); got != want {
			t.Errorf("step %d: got\n%s\nwant\n%s", i, got, want)
		}
		// The file keeps the old info also after a change that was accepted.
	}
}

// change makes a change to an agent that is written as a dictionary of Python.
func change(t *testing.T, a *mesospb.SlaveInfo, what string) {
	t.Helper()
	m := extra.FindStringSubmatch(what)
	if m == nil {
		return
	}
	switch m[1] {
	case "hostname":
		a.Hostname = &m[2]
	case "port":
		port, _ := strconv.Atoi(m[2])
		a.Port = proto.Int32(int32(port))
	case "domain":
		a.Domain = &mesospb.DomainInfo{}
		if err := mesosjson.Unmarshal([]byte(m[2]), a.Domain); err != nil {
			t.Fatal(err)
		}
	}
}

// complaint is why the recorded agent did not start; empty: it did.
func complaint(said string) string {
	_, said, found := strings.Cut(said, "Failed to perform recovery: ")
	if !found {
		return ""
	}
	said, _, _ = strings.Cut(said, "\n  agent: If recovery failed")
	return strings.ReplaceAll(said, "\n  agent: ", "\n")
}

// What the recordings do not show: the other types of values.
func TestAdditive(t *testing.T) {
	t.Parallel()
	const refused = "Configuration change not permitted under 'additive' policy: "
	for _, c := range []struct{ was, wasAttributes, is, isAttributes, want string }{
		{"ports:[1-9]", "", "ports:[1-4, 6-20]", "", refused + "Previous value of range resource 'ports' ([1-9]) not included in current [1-4, 6-20]"},
		{"ports:[1-4]", "", "ports:[0-9]", "", ""},
		{"disks:{sda, sdb}", "", "disks:{sdb, sdc}", "", refused + "Previous value of set resource 'disks' ({sda, sdb}) not included in current {sdb, sdc}"},
		{"disks:{sda}", "", "disks:{sdb, sda}", "", ""},
		{"cpus(red):1", "", "cpus(blue):1", "", "Configuration change not permitted under 'additive' policy. Resource not found: cpus(reservations: [(STATIC,red)]):1"},
		{"cpus:1", "", "mem:1", "", "Configuration change not permitted under 'additive' policy. Resource not found: cpus:1"},
		{"cpus:1;cpus:1", "", "cpus:2", "", ""},
		{"", "a:1", "", "a:2", refused + "Value of scalar attribute 'a' changed from 1 to 2"},
		{"", "a:1", "", "a:x", refused + "Type of attribute 'a' changed from SCALAR to TEXT"},
		{"", "a:[1-9]", "", "a:[0-20]", ""},
		{"", "a:[1-9]", "", "a:[2-9]", "Previous value of ranges resource 'a' ([1-9]) not included in current [2-9]"},
		{"", "", "cpus:1", "a:1", ""},
	} {
		got := ""
		if err := recovery.Additive.Compatible(info(t, c.was, c.wasAttributes), info(t, c.is, c.isAttributes)); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s %s → %s %s: %q, want %q", c.was, c.wasAttributes, c.is, c.isAttributes, got, c.want)
		}
	}
}

func TestParsePolicy(t *testing.T) {
	t.Parallel()
	if p, err := recovery.ParsePolicy("additive"); err != nil || p != recovery.Additive {
		t.Errorf("got %q, %v", p, err)
	}
	if _, err := recovery.ParsePolicy("any"); err == nil || !strings.Contains(err.Error(), "flag any; use equal or additive") {
		t.Errorf("got %v", err)
	}
}

// shared is the folder of recordings beside the project; the test is skipped where it is not.
func shared(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(os.Getenv("MESETA_SHARED"), name)
	if _, err := os.Stat(path); err != nil || os.Getenv("MESETA_SHARED") == "" {
		t.Skipf("no recordings here: %v", err)
	}
	return path
}
