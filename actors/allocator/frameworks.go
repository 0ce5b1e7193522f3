package allocator

import (
	"github.com/rs/zerolog"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/roles"
)

// AddFramework adds a framework. The resources it already holds are known from [Allocator.AddAgent]. If active is
// true, the framework is offered available resources at once.
func (a *Allocator) AddFramework(info *mesospb.FrameworkInfo, active bool, wishes Wishes) {
	f := a.book.addFramework(info, active, wishes)
	a.logFramework(f.id).Strs("roles", roles.Of(info)).Bool("active", active).Msg("framework added")
	if active {
		a.askAll()
	}
}

// UpdateFramework applies changes to a framework's description and wishes. Roles that are no longer suppressed are
// revived. The changes affect offers from the next cycle on.
func (a *Allocator) UpdateFramework(info *mesospb.FrameworkInfo, wishes Wishes) {
	f := a.book.framework(ids.FrameworkOf(info.GetId()))
	a.book.updateFramework(f, info, wishes)
	a.logFramework(f.id).Strs("roles", roles.Of(info)).Strs("suppressed", wishes.Suppressed).Msg("framework updated")
}

// RemoveFramework removes a framework and takes back everything it holds.
func (a *Allocator) RemoveFramework(id ids.Framework) {
	a.book.removeFramework(a.book.framework(id))
	a.logFramework(id).Msg("framework removed")
}

// ActivateFramework starts offers to a framework and offers it available resources at once.
func (a *Allocator) ActivateFramework(id ids.Framework) {
	a.book.setActive(a.book.framework(id), true)
	a.logFramework(id).Msg("framework activated")
	a.askAll()
}

// DeactivateFramework stops offers to a framework and ends its offer filters. The framework keeps what it holds.
func (a *Allocator) DeactivateFramework(id ids.Framework) {
	a.book.setActive(a.book.framework(id), false)
	a.logFramework(id).Msg("framework deactivated")
}

// RequestResources logs that a framework requested resources. It has no other effect, as in Mesos.
func (a *Allocator) RequestResources(id ids.Framework, _ []*mesospb.Request) {
	a.logFramework(id).Msg("resources requested")
}

// SuppressOffers stops offers to a framework in the given roles, or in all its roles if roles is empty.
func (a *Allocator) SuppressOffers(id ids.Framework, roles []string) {
	a.book.suppress(a.book.framework(id), roles)
	a.logFramework(id).Strs("roles", roles).Msg("offers suppressed")
}

// ReviveOffers resumes offers to a framework in the given roles, or in all its roles if roles is empty. It ends the
// framework's offer filters in those roles and offers available resources at once.
func (a *Allocator) ReviveOffers(id ids.Framework, roles []string) {
	a.book.revive(a.book.framework(id), roles)
	a.logFramework(id).Strs("roles", roles).Msg("offers revived")
	a.askAll()
}

// UpdateWeights sets the weights of roles, effective with the next offers.
func (a *Allocator) UpdateWeights(weights []*mesospb.WeightInfo) {
	for _, w := range weights {
		a.book.roles.setWeight(w.GetRole(), w.GetWeight())
	}
}

func (a *Allocator) logFramework(id ids.Framework) *zerolog.Event {
	return a.Log().Info().Stringer("framework_id", id)
}
