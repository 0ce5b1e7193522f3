package view

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tidwall/btree"

	"meseta/master/book"
	"meseta/messages/pb/mesospb"
)

// Mirror is a snapshot of a book that is updated when it is read. The zero value is empty.
type Mirror struct {
	revisions  book.Revisions // of the lists
	agents     []*Agent
	frameworks []*reflection
	completed  []*Framework
	recovered  []*mesospb.SlaveInfo
}

// Look returns the contents of b, which must always be the same book. It must be called where b may change, on the
// master's turn.
func (m *Mirror) Look(master Master, b *book.Book) *Cluster {
	m.list(b)
	m.refreshAgents()
	c := &Cluster{
		Master: master, Agents: m.agents, Recovered: m.recovered, Unreachable: b.NumUnreachable(), Completed: m.completed,
		Frameworks: make([]*Framework, len(m.frameworks)),
	}
	for i, r := range m.frameworks {
		c.Frameworks[i] = r.refresh()
	}
	return c
}

// list rebuilds the lists that changed from the existing snapshots.
func (m *Mirror) list(b *book.Book) {
	now := b.Revisions()
	if m.revisions.Agents != now.Agents {
		m.listAgents(b)
	}
	if m.revisions.Frameworks != now.Frameworks {
		m.listFrameworks(b)
		m.listCompleted(b)
	}
	if m.revisions.Recovered != now.Recovered {
		m.recovered = b.AllRecovered()
	}
	m.revisions = now
}

func (m *Mirror) listAgents(b *book.Book) {
	pictures := map[*book.Agent]*Agent{}
	for _, a := range m.agents {
		pictures[a.of] = a
	}
	agents := b.Agents()
	m.agents = make([]*Agent, len(agents))
	for i, a := range agents {
		if m.agents[i] = pictures[a]; m.agents[i] == nil {
			m.agents[i] = NewAgent(a)
		}
	}
}

func (m *Mirror) listFrameworks(b *book.Book) {
	reflections := map[*book.Framework]*reflection{}
	for _, r := range m.frameworks {
		reflections[r.of] = r
	}
	frameworks := b.Frameworks()
	m.frameworks = make([]*reflection, len(frameworks))
	for i, f := range frameworks {
		if m.frameworks[i] = reflections[f]; m.frameworks[i] == nil {
			m.frameworks[i] = &reflection{of: f}
		}
	}
}

func (m *Mirror) listCompleted(b *book.Book) {
	pictures := map[*book.Framework]*Framework{}
	for _, f := range m.completed {
		pictures[f.of] = f
	}
	completed := b.CompletedFrameworks()
	m.completed = make([]*Framework, len(completed))
	for i, f := range completed {
		if m.completed[i] = pictures[f]; m.completed[i] == nil {
			m.completed[i] = (&reflection{of: f}).refresh()
		}
	}
}

// refreshAgents replaces outdated snapshots in a new list. The old list may be in use.
func (m *Mirror) refreshAgents() {
	copied := false
	for i, a := range m.agents {
		if a.isCurrent() {
			continue
		}
		if !copied {
			m.agents, copied = slices.Clone(m.agents), true
		}
		m.agents[i] = NewAgent(a.of)
	}
}

// reflection is the part of the mirror for one framework.
type reflection struct {
	of        *book.Framework
	picture   *Framework // nil before the first look
	tasks     *btree.BTreeG[*book.Facts]
	executors *btree.BTreeG[*book.Executor]
	offers    *btree.BTreeG[*book.Offer]
}

// refresh returns a current snapshot of the framework.
func (r *reflection) refresh() *Framework {
	touched := r.of.Touched()
	if r.picture != nil && !anything(touched) && r.picture.isCurrent() {
		return r.picture
	}
	if touched.All || r.tasks == nil {
		r.rebuild()
	} else {
		r.apply(touched)
	}
	picture := newFramework(r.of)
	picture.tasks, picture.executors, picture.offers = r.tasks.Copy(), r.executors.Copy(), r.offers.Copy()
	if r.picture == nil || touched.All || touched.Past {
		picture.unreachable, picture.completed = shared(r.of.UnreachableTasks()), shared(r.of.CompletedTasks())
	} else {
		picture.unreachable, picture.completed = r.picture.unreachable, r.picture.completed
	}
	r.picture = picture
	return picture
}

func anything(t book.Touched) bool {
	return t.All || t.Past || len(t.Tasks)+len(t.Executors)+len(t.Offers) > 0
}

func shared(tasks []*book.Task) []*book.Facts {
	facts := make([]*book.Facts, len(tasks))
	for i, t := range tasks {
		facts[i] = t.Share()
	}
	return facts
}

func (r *reflection) rebuild() {
	r.tasks, r.executors, r.offers = tree(taskBefore), tree(executorBefore), tree(offerBefore)
	for _, t := range r.of.Tasks() {
		r.tasks.Load(t.Share())
	}
	for _, e := range r.of.Executors() {
		r.executors.Load(e)
	}
	for _, o := range r.of.Offers() {
		r.offers.Load(o)
	}
}

func (r *reflection) apply(touched book.Touched) {
	for _, t := range touched.Tasks {
		if now := r.of.Task(t.ID); now != nil {
			r.tasks.Set(now.Share())
		} else {
			r.tasks.Delete(t.Facts)
		}
	}
	for _, e := range touched.Executors {
		if now := r.of.Executor(e.Agent, e.ID); now != nil {
			r.executors.Set(now)
		} else {
			r.executors.Delete(e)
		}
	}
	for _, o := range touched.Offers {
		if r.of.HasOffer(o) {
			r.offers.Set(o)
		} else {
			r.offers.Delete(o)
		}
	}
}

// tree returns a sorted collection that can be copied in constant time. Copies share what does not change.
func tree[T any](before func(a, b T) bool) *btree.BTreeG[T] {
	return btree.NewBTreeGOptions(before, btree.Options{NoLocks: true})
}

func taskBefore(a, b *book.Facts) bool { return compareIDs(a.ID, b.ID) < 0 }

func offerBefore(a, b *book.Offer) bool { return compareIDs(a.ID, b.ID) < 0 }

func executorBefore(a, b *book.Executor) bool {
	return cmp.Or(compareIDs(a.Agent, b.Agent), compareIDs(a.ID, b.ID)) < 0
}

// compareIDs compares IDs in the order of the book's lists, in which …-S2 comes before …-S10.
func compareIDs[K ~string](a, b K) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(string(a), string(b))
}
