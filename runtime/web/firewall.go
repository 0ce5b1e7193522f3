package web

import (
	"strings"

	"meseta/runtime"
)

// SetFirewall disables endpoints of n: requests to them are answered 403, whoever sends them. A path is "/<id><route>", or
// just "<route>" for an endpoint of the delegate. It replaces what was disabled before.
//
// Mesos: DisabledEndpointsFirewallRule.
//
// Differs: Mesos compares paths as they were sent, so that a slash too many gets past a rule, and rules for actors that
// start later, such as files, have no effect.
func SetFirewall(n *runtime.Node, paths ...string) {
	rules := firewall{}
	for _, p := range paths {
		rules[tidied(p)] = true
	}
	serverOf(n).firewall.Store(&rules)
}

// firewall holds the paths of disabled endpoints. It does not change.
type firewall map[string]bool

// tidied returns a path without slashes that mean nothing.
func tidied(path string) string {
	return "/" + strings.Join(strings.FieldsFunc(path, func(r rune) bool { return r == '/' }), "/")
}

// disabled returns the answer for the endpoint at path of the actor id if it is disabled, and nil if it is not.
func (s *server) disabled(id, path string) *Response {
	rules := s.firewall.Load()
	if rules == nil || len(*rules) == 0 {
		return nil
	}
	full := tidied("/" + id + "/" + path)
	if (*rules)[full] || id == s.delegated() && (*rules)[tidied(path)] {
		return Forbidden("Endpoint '" + full + "' is disabled")
	}
	return nil
}
