package allocator

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"meseta/actors/metrics"
	"meseta/messages/capabilities"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/roles"
)

// addFramework adds a framework and charges it with what it already holds.
func (b *book) addFramework(info *mesospb.FrameworkInfo, active bool, wishes Wishes) *framework {
	f := &framework{
		id: ids.FrameworkOf(info.GetId()), active: active,
		clients: map[string]*client{}, on: map[*agent]bool{},
	}
	if _, known := b.frameworks[f.id]; known {
		panic(fmt.Sprintf("allocator: framework %s is known already", f.id))
	}
	b.frameworks[f.id] = f
	b.subscribe(f, info, wishes)
	for _, a := range byID(b.orphans[f.id]) {
		b.charge(f, a, a.held[f.id])
	}
	delete(b.orphans, f.id)
	return f
}

// subscribe sets a framework's description and its wishes.
func (b *book) subscribe(f *framework, info *mesospb.FrameworkInfo, wishes Wishes) {
	f.info, f.prefix = info, metrics.OfFramework(info)
	f.can, f.minimum, f.constraints = capabilities.OfFramework(info), minimumOf(info), constraintsOf(wishes.Constraints)
	f.subscribed, f.suppressed = setOf(roles.Of(info)), setOf(wishes.Suppressed)
	for _, name := range roles.Of(info) {
		b.client(f, name)
	}
	for _, c := range f.inOrder() {
		if !f.subscribed[c.role.name] {
			b.refusals.dropClient(c)
		}
		b.tryQuit(c)
	}
	b.stir(f)
}

// updateFramework subscribes a known framework again. It ends the refusals in roles that are no longer suppressed.
func (b *book) updateFramework(f *framework, info *mesospb.FrameworkInfo, wishes Wishes) {
	still := setOf(wishes.Suppressed)
	for _, c := range f.inOrder() {
		if f.suppressed[c.role.name] && !still[c.role.name] {
			b.refusals.dropClient(c)
		}
	}
	b.subscribe(f, info, wishes)
	b.reconsider(f.inOrder())
}

// removeFramework removes f and releases everything it holds.
func (b *book) removeFramework(f *framework) {
	for _, a := range f.agents() {
		b.release(f.id, a, a.held[f.id])
		b.unsettle(a)
	}
	f.subscribed = nil
	for _, c := range f.inOrder() {
		b.tryQuit(c)
	}
	delete(b.frameworks, f.id)
}

// setActive sets whether a framework is to be made offers. Deactivating it ends its refusals.
func (b *book) setActive(f *framework, active bool) {
	f.active = active
	if !active {
		for _, c := range f.inOrder() {
			b.refusals.dropClient(c)
		}
	}
	b.stir(f)
}

// suppress stops offers in the given roles of f, or in all of them if roles is empty.
func (b *book) suppress(f *framework, roles []string) {
	for _, c := range f.named(roles) {
		f.suppressed[c.role.name] = true
	}
	b.stir(f)
}

// revive resumes offers in the given roles of f, or in all of them if roles is empty, and ends the refusals there.
func (b *book) revive(f *framework, roles []string) {
	for _, c := range f.named(roles) {
		delete(f.suppressed, c.role.name)
		b.refusals.dropClient(c)
	}
	b.stir(f)
	b.reconsider(f.named(roles))
}

// stir updates which of f's clients want offers, and announces those that did not before.
func (b *book) stir(f *framework) {
	for _, c := range f.inOrder() {
		eager := f.active && f.subscribed[c.role.name] && !f.suppressed[c.role.name]
		if eager && !c.ranked {
			b.announce(c)
		}
		b.roles.setEager(c, eager)
	}
}

// reconsider announces the clients that want offers, because they may accept what they did not before.
func (b *book) reconsider(clients []*client) {
	for _, c := range clients {
		if c.ranked {
			b.announce(c)
		}
	}
}

// named returns f's clients in the given roles, or in all roles it subscribes to if roles is empty.
func (f *framework) named(roles []string) []*client {
	return slices.DeleteFunc(f.inOrder(), func(c *client) bool {
		return !f.subscribed[c.role.name] || len(roles) > 0 && !slices.Contains(roles, c.role.name)
	})
}

// inOrder returns f's clients, sorted by role.
func (f *framework) inOrder() []*client {
	out := make([]*client, 0, len(f.clients))
	for _, name := range slices.Sorted(maps.Keys(f.clients)) {
		out = append(out, f.clients[name])
	}
	return out
}

// agents returns the agents that f holds resources on, sorted by ID.
func (f *framework) agents() []*agent {
	return byID(f.on)
}

func byID(agents map[*agent]bool) []*agent {
	return slices.SortedFunc(maps.Keys(agents), func(a, b *agent) int { return strings.Compare(string(a.id), string(b.id)) })
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}
