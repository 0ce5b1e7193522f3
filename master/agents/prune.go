package agents

import (
	"time"

	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

// prune forgets unreachable and gone agents beyond the configured age and count.
//
// Mesos: Master::doRegistryGc.
func (r *Recovery) prune() {
	r.Delay(r.interval, r.prune)
	prune := registrar.Prune{
		Unreachable: r.prunable(r.book.AllUnreachable(), r.book.Unreachable),
		Gone:        r.prunable(r.book.AllGone(), r.book.Gone),
	}
	if len(prune.Unreachable)+len(prune.Gone) == 0 {
		return
	}
	r.registry.Write("prune the registry", prune, func(bool) {
		for _, id := range prune.Unreachable {
			r.forgetUnreachable(id)
		}
		for _, id := range prune.Gone {
			r.book.DropGone(id)
		}
		r.Log().Info().Int("unreachable", len(prune.Unreachable)).Int("gone", len(prune.Gone)).Msg("registry pruned")
	})
}

// forgetUnreachable forgets an agent that was pruned from the registry, unless it re-registered before.
func (r *Recovery) forgetUnreachable(id ids.Agent) {
	if _, still := r.book.Unreachable(id); still {
		r.book.DropUnreachable(id)
		r.book.SetDeactivation(id, book.Deactivation{})
	}
}

// prunable returns the agents beyond the count and those beyond the age. agents are sorted, oldest first.
func (r *Recovery) prunable(agents []ids.Agent, since func(ids.Agent) (*mesospb.TimeInfo, bool)) []ids.Agent {
	var old []ids.Agent
	for i, id := range agents {
		lost, _ := since(id)
		age := r.Now().Sub(time.Unix(0, lost.GetNanoseconds()))
		if len(agents)-i > r.maxCount || age > r.maxAge {
			old = append(old, id)
		}
	}
	return old
}
