package allocator

import (
	"maps"
	"slices"

	"meseta/actors/authorizer"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// filtered shows which of a framework's own settings keep offers from it.
type filtered struct {
	Suppressed []string               `json:"suppressed_roles"`
	Excluded   map[string][]ids.Agent `json:"excluded_by_attribute_constraints"` // by role
}

// serveConstraints answers with the roles that each framework suppressed and the agents that its offer constraints
// exclude, for the frameworks that the principal may see.
//
// Mesos: HierarchicalAllocatorProcess::offerConstraintsDebug.
func (a *Allocator) serveConstraints(req *web.Request) runtime.Future[*web.Response] {
	shown, infos := map[ids.Framework]filtered{}, map[ids.Framework]*mesospb.FrameworkInfo{}
	for id, f := range a.book.frameworks {
		shown[id], infos[id] = a.filtered(f), f.info
	}
	return runtime.Then(authorizer.Of(a.config.Authorizer, req.Principal), func(by authorizer.Approver) (*web.Response, error) {
		maps.DeleteFunc(shown, func(id ids.Framework, _ filtered) bool { return !authorizer.SeesFramework(by, infos[id]) })
		return web.JSON(req, map[string]any{"frameworks": shown}), nil
	})
}

// filtered returns which settings of f keep offers from it.
func (a *Allocator) filtered(f *framework) filtered {
	shown := filtered{Suppressed: slices.Sorted(maps.Keys(f.suppressed)), Excluded: map[string][]ids.Agent{}}
	if shown.Suppressed == nil {
		shown.Suppressed = []string{}
	}
	agents := slices.Sorted(maps.Keys(a.book.agents))
	for role := range f.subscribed {
		excluded := []ids.Agent{}
		for _, agent := range agents {
			if !f.constraints[role].permit(a.book.agents[agent].info) {
				excluded = append(excluded, agent)
			}
		}
		shown.Excluded[role] = excluded
	}
	return shown
}
