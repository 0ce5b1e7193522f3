package local

import (
	"fmt"
	"maps"
	"slices"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/authorizerpb"
)

// endpoints are the paths that rules for GET_ENDPOINT_WITH_PATH may name.
//
// Mesos: AUTHORIZABLE_ENDPOINTS.
//
// Differs: those of traces, which Mesos does not have.
var endpoints = []string{
	"/containerizer/debug", "/containers", "/files/debug", "/logging/toggle", "/metrics/snapshot", "/monitor/statistics",
	"/trace", "/trace/actors", "/trace/record", "/trace/save",
}

// Parse returns the lists in the JSON text of --acls. Unknown fields are ignored, as in Mesos.
func Parse(text string) (*authorizerpb.ACLs, error) {
	acls := &authorizerpb.ACLs{}
	if err := mesosjson.Unmarshal([]byte(text), acls); err != nil {
		return nil, err
	}
	return acls, nil
}

// check returns an error in Mesos's words if a rule names objects that its list cannot be about.
//
// Mesos: LocalAuthorizer::validate.
func check(acls *authorizerpb.ACLs) error {
	for _, action := range slices.Sorted(maps.Keys(lists)) {
		if err := checkList(acls, action); err != nil {
			return err
		}
	}
	return nil
}

func checkList(acls *authorizerpb.ACLs, action authorizationpb.Action) error {
	l := lists[action]
	for _, r := range rulesOf(acls, l.name) {
		if r.objects.kind != authorizerpb.ACL_Entity_SOME || r.objects.below != "" {
			continue
		}
		if l.object == nil && !l.lenient {
			return fmt.Errorf("ACL.%s type must be either NONE or ANY", messageName(acls, l.name))
		}
		if action != authorizationpb.Action_GET_ENDPOINT_WITH_PATH {
			continue
		}
		for _, path := range r.objects.values {
			if !slices.Contains(endpoints, path) {
				return fmt.Errorf("Path: '%s' is not an authorizable path", path)
			}
		}
	}
	return nil
}

// messageName returns the name of the rules in a list.
func messageName(acls *authorizerpb.ACLs, list string) string {
	return string(fieldOf(acls, list).Message().Name())
}
