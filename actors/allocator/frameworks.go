package allocator

import (
	"slices"

	"github.com/rs/zerolog"

	"meseta/messages/ids"
	"meseta/messages/mesospb"
)

// AddFramework adds a framework, with the roles in which it does not want offers for now. What it holds of agents is
// known from [Allocator.AddAgent]. Unless it is not active, it is offered what is free at once.
func (a *Allocator) AddFramework(info *mesospb.FrameworkInfo, active bool, suppressed []string) {
	f := &framework{
		id: ids.FrameworkOf(info.GetId()), active: active,
		can: capabilitiesOf(info), minimum: minimumOf(info),
		clients: map[string]*client{}, on: map[*agent]bool{},
	}
	a.book.addFramework(f, rolesOf(info), suppressed)
	a.frameworkLog(f).Strs("roles", rolesOf(info)).Bool("active", active).Msg("framework added")
	if active {
		a.askAll()
	}
}

// UpdateFramework takes over what has changed of a framework. Roles that are no longer suppressed are revived. It is
// offered what it may have now from the next cycle on.
func (a *Allocator) UpdateFramework(info *mesospb.FrameworkInfo, suppressed []string) {
	f := a.book.framework(ids.FrameworkOf(info.GetId()))
	f.can, f.minimum = capabilitiesOf(info), minimumOf(info)
	still := setOf(suppressed)
	for name := range f.suppressed {
		if c := f.clients[name]; c != nil && !still[name] {
			a.book.refusals.dropClient(c)
		}
	}
	a.book.subscribe(f, rolesOf(info), suppressed)
	a.book.reconsider(f)
	a.frameworkLog(f).Strs("roles", rolesOf(info)).Strs("suppressed", suppressed).Msg("framework updated")
}

// RemoveFramework forgets a framework and gives back all that it holds.
func (a *Allocator) RemoveFramework(id ids.Framework) {
	f := a.book.framework(id)
	a.book.removeFramework(f)
	a.frameworkLog(f).Msg("framework removed")
}

// ActivateFramework offers a framework what is free, at once.
func (a *Allocator) ActivateFramework(id ids.Framework) {
	f := a.book.framework(id)
	f.active = true
	a.book.stir(f)
	a.frameworkLog(f).Msg("framework activated")
	a.askAll()
}

// DeactivateFramework stops offers to a framework, and forgets what it refused. It keeps what it holds.
func (a *Allocator) DeactivateFramework(id ids.Framework) {
	f := a.book.framework(id)
	f.active = false
	for _, c := range f.inOrder() {
		a.book.refusals.dropClient(c)
	}
	a.book.stir(f)
	a.frameworkLog(f).Msg("framework deactivated")
}

// RequestResources notes that a framework would like other resources, which changes nothing.
func (a *Allocator) RequestResources(id ids.Framework, _ []*mesospb.Request) {
	a.frameworkLog(a.book.framework(id)).Msg("resources requested")
}

// SuppressOffers stops offers to a framework in some of its roles, or in all if none is named.
func (a *Allocator) SuppressOffers(id ids.Framework, roles []string) {
	f := a.book.framework(id)
	for _, name := range f.named(roles) {
		f.suppressed[name] = true
	}
	a.book.stir(f)
	a.frameworkLog(f).Strs("roles", roles).Msg("offers suppressed")
}

// ReviveOffers starts offers again to a framework in some of its roles, or in all if none is named, forgets what it
// refused there, and offers what is free at once.
func (a *Allocator) ReviveOffers(id ids.Framework, roles []string) {
	f := a.book.framework(id)
	for _, name := range f.named(roles) {
		delete(f.suppressed, name)
		a.book.refusals.dropClient(f.clients[name])
	}
	a.book.stir(f)
	a.book.reconsider(f)
	a.frameworkLog(f).Strs("roles", roles).Msg("offers revived")
	a.askAll()
}

// UpdateWeights changes the weights of roles. It takes effect with the next offers.
func (a *Allocator) UpdateWeights(weights []*mesospb.WeightInfo) {
	for _, w := range weights {
		a.book.roles.setWeight(w.GetRole(), w.GetWeight())
	}
}

// named returns those of f's roles that are named, or all of them.
func (f *framework) named(roles []string) []string {
	var out []string
	for _, c := range f.inOrder() {
		if name := c.role.name; f.subscribed[name] && (len(roles) == 0 || slices.Contains(roles, name)) {
			out = append(out, name)
		}
	}
	return out
}

func (a *Allocator) frameworkLog(f *framework) *zerolog.Event {
	return a.Log().Info().Stringer("framework_id", f.id)
}
