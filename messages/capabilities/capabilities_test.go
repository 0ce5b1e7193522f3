package capabilities_test

import (
	"fmt"
	"strings"
	"testing"

	"meseta/messages/capabilities"
	"meseta/messages/pb/mesospb"
)

// Each capability sets exactly one field, and no two set the same.
func TestEveryCapabilityIsKnown(t *testing.T) {
	t.Parallel()
	frameworks, agents := map[string]string{}, map[string]string{}
	for n, name := range mesospb.FrameworkInfo_Capability_Type_name {
		list := capabilities.ListForFramework(mesospb.FrameworkInfo_Capability_Type(n))
		sets(t, name, n, fmt.Sprintf("%+v", capabilities.OfFramework(&mesospb.FrameworkInfo{Capabilities: list})), frameworks)
	}
	for n, name := range mesospb.SlaveInfo_Capability_Type_name {
		list := capabilities.ListForAgent(mesospb.SlaveInfo_Capability_Type(n))
		sets(t, name, n, fmt.Sprintf("%+v", capabilities.OfAgent(list)), agents)
	}
}

func sets(t *testing.T, name string, n int32, fields string, others map[string]string) {
	t.Helper()
	want := 1
	if n == 0 { // UNKNOWN
		want = 0
	}
	if got := strings.Count(fields, ":true"); got != want {
		t.Errorf("%s sets %d fields: %s", name, got, fields)
	}
	if other, ok := others[fields]; ok {
		t.Errorf("%s sets the field of %s", name, other)
	}
	others[fields] = name
}
