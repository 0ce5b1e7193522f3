package local

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/messages/pb/authorizerpb"
)

// request is what a rule is asked about: one principal or object, or any.
type request struct {
	some  bool
	value string
}

// anyone is a client without a name, or an object that is not named.
var anyone request

func one(value string) request { return request{some: true, value: value} }

// rule is one rule of a list.
//
// Mesos: GenericACL.
type rule struct{ subjects, objects entity }

// entity is one side of a rule.
//
// Mesos: ACL::Entity.
type entity struct {
	kind   authorizerpb.ACL_Entity_Type
	values []string
	below  string // "eng/" for a rule about the roles below eng, which has no values
}

// matches reports whether the entity is about r.
//
// Mesos: matches in local/authorizer.cpp.
func (e *entity) matches(r request) bool {
	switch {
	case e.below != "":
		return r.some && strings.HasPrefix(r.value, e.below)
	case e.kind != authorizerpb.ACL_Entity_SOME:
		return true
	}
	return r.some && slices.Contains(e.values, r.value)
}

// allows reports whether a rule with the entity, which matches r, allows it.
//
// Mesos: allows in local/authorizer.cpp.
func (e *entity) allows(r request) bool {
	return e.below != "" || e.kind == authorizerpb.ACL_Entity_ANY || e.kind == authorizerpb.ACL_Entity_SOME && e.matches(r)
}

// rulesOf returns the rules of the list with that name.
func rulesOf(acls *authorizerpb.ACLs, name string) []rule {
	m, field := acls.ProtoReflect(), fieldOf(acls, name)
	_, about := sides(field.Message())
	var rules []rule
	for l, i := m.Get(field).List(), 0; i < l.Len(); i++ {
		subjects, objects := entities(l.Get(i).Message())
		if about.Name() != "roles" {
			rules = append(rules, rule{plain(subjects), plain(objects)})
			continue
		}
		for _, e := range hierarchical(objects) {
			rules = append(rules, rule{plain(subjects), e})
		}
	}
	return rules
}

// fieldOf returns the field of the list with that name.
func fieldOf(acls *authorizerpb.ACLs, name string) protoreflect.FieldDescriptor {
	return acls.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(name))
}

// sides returns the two fields of a list's messages: the principals and the objects.
func sides(d protoreflect.MessageDescriptor) (subjects, objects protoreflect.FieldDescriptor) {
	subjects = d.Fields().ByName("principals")
	for i := range d.Fields().Len() {
		if f := d.Fields().Get(i); f != subjects {
			objects = f
		}
	}
	return subjects, objects
}

// entities returns the two sides of a rule.
func entities(m protoreflect.Message) (subjects, objects *authorizerpb.ACL_Entity) {
	s, o := sides(m.Descriptor())
	return m.Get(s).Message().Interface().(*authorizerpb.ACL_Entity), m.Get(o).Message().Interface().(*authorizerpb.ACL_Entity)
}

func plain(e *authorizerpb.ACL_Entity) entity {
	return entity{kind: e.GetType(), values: e.GetValues()}
}

// hierarchical splits an entity into one for each hierarchy of roles, and one for all other roles. It does not matter
// which of them comes first, because they belong to the same principals.
//
// Mesos: LocalAuthorizerProcess::createHierarchicalRoleACLs.
func hierarchical(e *authorizerpb.ACL_Entity) []entity {
	if e.GetType() != authorizerpb.ACL_Entity_SOME {
		return []entity{plain(e)}
	}
	var split []entity
	others := entity{kind: e.GetType()}
	for _, role := range e.GetValues() {
		if parent, ok := strings.CutSuffix(role, "%"); ok && strings.HasSuffix(parent, "/") {
			split = append(split, entity{below: parent})
		} else {
			others.values = append(others.values, role)
		}
	}
	if len(others.values) > 0 {
		split = append(split, others)
	}
	return split
}
