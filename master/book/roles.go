package book

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/roles"
)

// Roles is what the master knows of roles beyond who is in them: which there may be, and how much each counts.
type Roles struct {
	allowed map[string]bool    // --roles, with "*"; nil: any
	weights map[string]float64 // of those that have one; the others count 1
}

// NewRoles returns roles without weights. If allowed is not nil, there are no others but those and "*".
func NewRoles(allowed []string) *Roles {
	r := &Roles{weights: map[string]float64{}}
	if allowed != nil {
		r.allowed = map[string]bool{"*": true}
		for _, role := range allowed {
			r.allowed[role] = true
		}
	}
	return r
}

// Allows reports whether there may be such a role.
func (r *Roles) Allows(role string) bool { return r.allowed == nil || r.allowed[role] }

// Whitelist lists the only roles that there may be, sorted; nil: any.
func (r *Roles) Whitelist() []string { return slices.Sorted(maps.Keys(r.allowed)) }

// Weights returns a copy of the weights.
func (r *Roles) Weights() map[string]float64 { return maps.Clone(r.weights) }

// WeightInfos lists the weights by role.
func (r *Roles) WeightInfos() []*mesospb.WeightInfo { return WeightInfos(r.weights) }

// SetWeights sets the weights of some roles.
func (r *Roles) SetWeights(infos []*mesospb.WeightInfo) {
	for _, w := range infos {
		r.weights[w.GetRole()] = w.GetWeight()
	}
}

// Check says what is wrong with the roles; nil: nothing.
func (r *Roles) Check() error {
	for role, weight := range r.weights {
		if err := roles.Validate(role); err != nil {
			return fmt.Errorf("weight of role %q: %w", role, err)
		}
		if !(weight > 0) {
			return fmt.Errorf("role %s has the weight %v", role, weight)
		}
	}
	return nil
}

// WeightInfos lists weights by role, as the registry keeps them.
func WeightInfos(weights map[string]float64) []*mesospb.WeightInfo {
	var infos []*mesospb.WeightInfo
	for role, weight := range weights {
		infos = append(infos, &mesospb.WeightInfo{Role: proto.String(role), Weight: proto.Float64(weight)})
	}
	slices.SortFunc(infos, func(a, b *mesospb.WeightInfo) int { return cmp.Compare(a.GetRole(), b.GetRole()) })
	return infos
}
