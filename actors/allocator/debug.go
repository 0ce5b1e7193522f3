package allocator

import (
	"maps"
	"slices"

	"meseta/messages/ids"
	"meseta/runtime"
	"meseta/runtime/web"
)

// filtered shows which of a framework's own settings keep offers from it.
type filtered struct {
	Suppressed []string               `json:"suppressed_roles"`
	Excluded   map[string][]ids.Agent `json:"excluded_by_attribute_constraints"` // by role
}

// serveConstraints answers with the roles that each framework suppressed and the agents that its offer constraints
// exclude.
//
// Mesos: HierarchicalAllocatorProcess::offerConstraintsDebug.
func (a *Allocator) serveConstraints(req *web.Request) runtime.Future[*web.Response] {
	frameworks := map[ids.Framework]filtered{}
	agents := slices.Sorted(maps.Keys(a.book.agents))
	for id, f := range a.book.frameworks {
		shown := filtered{Suppressed: slices.Sorted(maps.Keys(f.suppressed)), Excluded: map[string][]ids.Agent{}}
		if shown.Suppressed == nil {
			shown.Suppressed = []string{}
		}
		for role := range f.subscribed {
			excluded := []ids.Agent{}
			for _, agent := range agents {
				if !f.constraints[role].permit(a.book.agents[agent].info) {
					excluded = append(excluded, agent)
				}
			}
			shown.Excluded[role] = excluded
		}
		frameworks[id] = shown
	}
	return runtime.Ready(web.JSON(req, map[string]any{"frameworks": frameworks}))
}
