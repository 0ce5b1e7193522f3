package allocator

import (
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

func TestConstraints(t *testing.T) {
	t.Parallel()
	agent := &mesospb.SlaveInfo{
		Hostname: proto.String("node-1.example"),
		Attributes: []*mesospb.Attribute{
			{Name: proto.String("rack"), Type: mesospb.Value_TEXT.Enum(), Text: &mesospb.Value_Text{Value: proto.String("abc")}},
			{Name: proto.String("level"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(3)}},
		},
		Domain: &mesospb.DomainInfo{FaultDomain: &mesospb.DomainInfo_FaultDomain{
			Region: &mesospb.DomainInfo_FaultDomain_RegionInfo{Name: proto.String("eu")},
			Zone:   &mesospb.DomainInfo_FaultDomain_ZoneInfo{Name: proto.String("eu-1")},
		}},
	}
	const rack, level, none = `attribute_name: "rack"`, `attribute_name: "level"`, `attribute_name: "none"`
	for _, c := range []struct {
		selector, predicate string
		want                bool
	}{
		{rack, `exists {}`, true}, {level, `exists {}`, true}, {none, `exists {}`, false},
		{rack, `not_exists {}`, false}, {none, `not_exists {}`, true},
		{rack, `text_equals { value: "abc" }`, true}, {rack, `text_equals { value: "ab" }`, false},
		{level, `text_equals { value: "x" }`, true}, {none, `text_equals { value: "" }`, false},
		{rack, `text_not_equals { value: "abc" }`, false}, {rack, `text_not_equals { value: "x" }`, true},
		{level, `text_not_equals { value: "x" }`, true}, {none, `text_not_equals { value: "x" }`, true},
		{rack, `text_matches { regex: "a.c|z" }`, true}, {rack, `text_matches { regex: "b" }`, false},
		{rack, `text_matches { regex: "a|abc" }`, true}, {rack, `text_matches { regex: "\\Qabc" }`, true},
		{level, `text_matches { regex: "b" }`, true}, {none, `text_matches { regex: ".*" }`, false},
		{rack, `text_not_matches { regex: "a.c" }`, false}, {rack, `text_not_matches { regex: "b" }`, true},
		{none, `text_not_matches { regex: ".*" }`, true}, {level, `text_not_matches { regex: ".*" }`, true},
		{`pseudoattribute_type: HOSTNAME`, `text_matches { regex: "node-.*" }`, true},
		{`pseudoattribute_type: REGION`, `text_equals { value: "eu" }`, true},
		{`pseudoattribute_type: ZONE`, `text_equals { value: "eu" }`, false},
	} {
		wish := &schedulerpb.AttributeConstraint{}
		if err := prototext.Unmarshal([]byte(`selector { `+c.selector+` } predicate { `+c.predicate+` }`), wish); err != nil {
			t.Fatal(err)
		}
		one := &schedulerpb.OfferConstraints_RoleConstraints_Group{AttributeConstraints: []*schedulerpb.AttributeConstraint{wish}}
		wishes := &schedulerpb.OfferConstraints{RoleConstraints: map[string]*schedulerpb.OfferConstraints_RoleConstraints{
			"r": {Groups: []*schedulerpb.OfferConstraints_RoleConstraints_Group{one}},
		}}
		if got := constraintsOf(wishes)["r"].permit(agent); got != c.want {
			t.Errorf("%s, %s: %t", c.selector, c.predicate, got)
		}
	}
}

// All of a group must hold, and any group will do; a role without constraints takes every agent.
func TestGroupsOfConstraints(t *testing.T) {
	t.Parallel()
	holds := constraint{predicate: &schedulerpb.AttributeConstraint_Predicate{
		Predicate: &schedulerpb.AttributeConstraint_Predicate_NotExists_{},
	}}
	fails := constraint{predicate: &schedulerpb.AttributeConstraint_Predicate{
		Predicate: &schedulerpb.AttributeConstraint_Predicate_Exists_{},
	}}
	for _, c := range []struct {
		wishes constraints
		want   bool
	}{
		{nil, true}, {constraints{{holds, fails}}, false}, {constraints{{holds, fails}, {holds, holds}}, true}, {constraints{{fails}, {fails}}, false},
	} {
		if got := c.wishes.permit(&mesospb.SlaveInfo{}); got != c.want {
			t.Errorf("%v: %t", c.wishes, got)
		}
	}
}
