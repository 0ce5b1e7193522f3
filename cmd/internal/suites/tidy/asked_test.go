package tidy

import (
	"go/ast"
	"strings"
	"testing"

	"meseta/messages/pb/authorizationpb"
)

// unasked are the actions that nobody needs authorization for, with the reason.
var unasked = map[string]string{
	"VIEW_RESOURCE_PROVIDER": "there are no resource providers",
}

// Every action of Mesos's authorizers is asked about somewhere, or for a reason nowhere.
func TestEveryActionIsAsked(t *testing.T) {
	t.Parallel()
	asked := map[string]bool{}
	for _, s := range parsed(t) {
		if s.isTest() || s.isGenerated() || strings.HasPrefix(s.path, "actors/authorizer/local/") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if x, ok := n.(*ast.SelectorExpr); ok {
				if name, ok := strings.CutPrefix(x.Sel.Name, "Action_"); ok {
					asked[name] = true
				}
			}
			return true
		})
	}
	for number, name := range authorizationpb.Action_name {
		if number == int32(authorizationpb.Action_UNKNOWN) {
			continue
		}
		if reason := unasked[name]; asked[name] == (reason != "") {
			t.Errorf("%s is asked about: %v, and the reason not to be: %q", name, asked[name], reason)
		}
	}
}
