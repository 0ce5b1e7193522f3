package authorizer

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/authorizationpb"
	"meseta/messages/mesospb"
	"meseta/runtime"
)

// roles is what somebody may see who may see these and nothing else.
type roles map[string]bool

func (rs roles) Approved(action authorizationpb.Action, object *authorizationpb.Object) (bool, error) {
	if object.GetValue() == "unknown" {
		return true, errors.New("the directory does not answer")
	}
	return action == authorizationpb.Action_VIEW_ROLE && rs[object.GetValue()], nil
}

func TestNobodyDecides(t *testing.T) {
	t.Parallel()
	by, err, done := Of(nil, &runtime.Principal{Name: "somebody"}).Peek()
	if !done || err != nil || by != nil {
		t.Fatal(by, err, done)
	}
	f := &mesospb.FrameworkInfo{}
	if !SeesFlags(by) || !SeesFramework(by, f) || !SeesTask(by, nil, f) || !SeesExecutor(by, nil, f) || !SeesRole(by, "r") ||
		len(Seen(by, []*mesospb.Resource{{}})) != 1 || Check(by, authorizationpb.Action_MARK_AGENT_GONE, nil) != nil {
		t.Error("something is refused")
	}
}

func TestWhatIsNotDecidedIsNotAllowed(t *testing.T) {
	t.Parallel()
	by := roles{"a": true}
	if SeesRole(by, "unknown") || SeesRole(by, "b") || !SeesRole(by, "a") || SeesFlags(by) {
		t.Error("wrong")
	}
	if err := Check(by, authorizationpb.Action_VIEW_FLAGS, nil); err == nil || err.Error() != "not authorized to VIEW_FLAGS" {
		t.Error(err)
	}
}

func TestResourcesAreSeenByWhoSeesAllTheirRoles(t *testing.T) {
	t.Parallel()
	by := roles{"a": true, "a/b": true}
	reserved := func(roles ...string) *mesospb.Resource {
		r := &mesospb.Resource{}
		for _, role := range roles {
			r.Reservations = append(r.Reservations, &mesospb.Resource_ReservationInfo{Role: proto.String(role)})
		}
		return r
	}
	allocated := func(role string) *mesospb.Resource {
		return &mesospb.Resource{AllocationInfo: &mesospb.Resource_AllocationInfo{Role: proto.String(role)}}
	}
	seen := []*mesospb.Resource{{}, {Role: proto.String("*")}, {Role: proto.String("a")}, reserved("a"), reserved("a", "a/b"), allocated("a")}
	hidden := []*mesospb.Resource{{Role: proto.String("c")}, reserved("c"), reserved("a", "a/c"), allocated("c")}
	if got := Seen(by, append(hidden, seen...)); len(got) != len(seen) {
		t.Errorf("%v", got)
	}
}
