package allocator

import (
	"github.com/rs/zerolog"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/roles"
)

// AddFramework adds a framework. What it holds of agents is known from [Allocator.AddAgent]. Unless it is not active, it
// is offered what is free at once.
func (a *Allocator) AddFramework(info *mesospb.FrameworkInfo, active bool, wishes Wishes) {
	f := a.book.addFramework(info, active, wishes)
	a.logFramework(f.id).Strs("roles", roles.Of(info)).Bool("active", active).Msg("framework added")
	if active {
		a.askAll()
	}
}

// UpdateFramework takes over what has changed of a framework. Roles that are no longer suppressed are revived. It is
// offered what it may have now from the next cycle on.
func (a *Allocator) UpdateFramework(info *mesospb.FrameworkInfo, wishes Wishes) {
	f := a.book.framework(ids.FrameworkOf(info.GetId()))
	a.book.updateFramework(f, info, wishes)
	a.logFramework(f.id).Strs("roles", roles.Of(info)).Strs("suppressed", wishes.Suppressed).Msg("framework updated")
}

// RemoveFramework forgets a framework and gives back all that it holds.
func (a *Allocator) RemoveFramework(id ids.Framework) {
	a.book.removeFramework(a.book.framework(id))
	a.logFramework(id).Msg("framework removed")
}

// ActivateFramework offers a framework what is free, at once.
func (a *Allocator) ActivateFramework(id ids.Framework) {
	a.book.setActive(a.book.framework(id), true)
	a.logFramework(id).Msg("framework activated")
	a.askAll()
}

// DeactivateFramework stops offers to a framework, and forgets what it refused. It keeps what it holds.
func (a *Allocator) DeactivateFramework(id ids.Framework) {
	a.book.setActive(a.book.framework(id), false)
	a.logFramework(id).Msg("framework deactivated")
}

// RequestResources notes that a framework would like other resources, which changes nothing.
func (a *Allocator) RequestResources(id ids.Framework, _ []*mesospb.Request) {
	a.logFramework(id).Msg("resources requested")
}

// SuppressOffers stops offers to a framework in some of its roles, or in all if none is named.
func (a *Allocator) SuppressOffers(id ids.Framework, roles []string) {
	a.book.suppress(a.book.framework(id), roles)
	a.logFramework(id).Strs("roles", roles).Msg("offers suppressed")
}

// ReviveOffers starts offers again to a framework in some of its roles, or in all if none is named, forgets what it
// refused there, and offers what is free at once.
func (a *Allocator) ReviveOffers(id ids.Framework, roles []string) {
	a.book.revive(a.book.framework(id), roles)
	a.logFramework(id).Strs("roles", roles).Msg("offers revived")
	a.askAll()
}

// UpdateWeights changes the weights of roles. It takes effect with the next offers.
func (a *Allocator) UpdateWeights(weights []*mesospb.WeightInfo) {
	for _, w := range weights {
		a.book.roles.setWeight(w.GetRole(), w.GetWeight())
	}
}

func (a *Allocator) logFramework(id ids.Framework) *zerolog.Event {
	return a.Log().Info().Stringer("framework_id", id)
}
