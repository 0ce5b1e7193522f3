// Package local implements the authorizer that masters and agents have built in. It decides by access control lists.
//
// [Parse] reads the lists of --acls, and [New] makes an authorizer of them. There is a list for each action. A rule
// names principals and objects, each as some values, ANY or NONE. The first rule of the list that matches both the
// principal and the object decides: it allows what it names, and nothing if either is NONE. If no rule matches, the
// field permissive decides.
//
// Roles are hierarchical: the value eng/% stands for all roles below eng, at any depth, and not for eng itself.
//
// Executors have claims and no name. An executor may use the containers in its own one, and do nothing else.
package local

import (
	"fmt"
	"maps"

	"meseta/actors/authorizer"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/authorizerpb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Authorizer decides by access control lists. It does not change and may be used on any goroutine.
//
// Mesos: LocalAuthorizer.
type Authorizer struct {
	permissive bool
	rules      map[authorizationpb.Action][]rule
	children   map[authorizationpb.Action][]rule // about the user of a nested container's command
}

// New returns the authorizer of acls, which must not change afterwards, or an error if they are invalid.
//
// Mesos: LocalAuthorizer::create.
func New(acls *authorizerpb.ACLs) (*Authorizer, error) {
	if err := check(acls); err != nil {
		return nil, err
	}
	a := &Authorizer{
		permissive: acls.GetPermissive(), rules: map[authorizationpb.Action][]rule{}, children: map[authorizationpb.Action][]rule{},
	}
	for action, l := range lists {
		a.rules[action] = rulesOf(acls, l.name)
	}
	for action, name := range childLists {
		a.children[action] = rulesOf(acls, name)
	}
	return a, nil
}

// Approver implements [authorizer.Authorizer].
//
// Mesos: LocalAuthorizerProcess::getApprover.
func (a *Authorizer) Approver(who *web.Principal) runtime.Future[authorizer.Approver] {
	switch {
	case who == nil:
		return runtime.Ready[authorizer.Approver](named{a, anyone})
	case who.Name == "" && len(who.Claims) > 0:
		return runtime.Ready[authorizer.Approver](claimant{maps.Clone(who.Claims)})
	}
	return runtime.Ready[authorizer.Approver](named{a, one(who.Name)})
}

// named approves by the rules for a principal with a name, or for a client that is not authenticated.
type named struct {
	*Authorizer
	subject request
}

// Approved implements [authorizer.Approver].
func (n named) Approved(action authorizationpb.Action, object *authorizationpb.Object) (bool, error) {
	l, known := lists[action]
	switch {
	case !known:
		return false, nil
	case action == authorizationpb.Action_REGISTER_FRAMEWORK:
		return n.registers(object), nil
	}
	about := anyone
	if object != nil && l.object != nil {
		value, ok := l.object(object)
		switch {
		case ok:
			about = one(value)
		case l.required:
			return false, fmt.Errorf("the object of %s lacks what the action is about", action)
		}
	}
	if !n.decide(n.rules[action], about) {
		return false, nil
	}
	return n.approvesChild(action, object), nil
}

// registers reports whether a framework may be registered with all its roles.
func (n named) registers(object *authorizationpb.Object) bool {
	about := registeredRoles(object)
	for _, role := range about {
		if !n.decide(n.rules[authorizationpb.Action_REGISTER_FRAMEWORK], role) {
			return false
		}
	}
	return len(about) > 0 || n.permissive
}

// approvesChild reports whether a nested container may be launched with its user. This is true of other actions.
//
// Mesos: LocalNestedContainerObjectApprover.
func (n named) approvesChild(action authorizationpb.Action, object *authorizationpb.Object) bool {
	rules, launches := n.children[action]
	if !launches || object.GetCommandInfo() == nil {
		return true
	}
	about := anyone
	if user, ok := commandUser(object.GetCommandInfo()); ok {
		about = one(user)
	}
	return n.decide(rules, about)
}

// decide returns what the first matching rule says.
func (n named) decide(rules []rule, object request) bool {
	for i := range rules {
		if r := &rules[i]; r.subjects.matches(n.subject) && r.objects.matches(object) {
			return r.subjects.allows(n.subject) && r.objects.allows(object)
		}
	}
	return n.permissive
}
