// Package book holds what an agent runs: frameworks, their executors and tasks, and the state of each. It is pure. The
// agent's actor asks the book and changes it, and does all communication itself.
//
// A task is pending until its directories are safe from garbage collection, queued until its executor has registered,
// launched when it was sent to the executor, terminated when a terminal update came, and completed when the scheduler
// has acknowledged that update. The book iterates in the order in which things were added, never in that of a map.
package book

import (
	"errors"
	"fmt"
	"iter"

	"github.com/elliotchance/orderedmap/v3"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Limits bounds how much of the past is remembered. 0 means nothing.
type Limits struct {
	Frameworks int // completed frameworks
	Executors  int // completed executors of a framework
	Tasks      int // completed tasks of an executor
}

// DefaultLimits are the limits of Mesos.
var DefaultLimits = Limits{Frameworks: 50, Executors: 150, Tasks: 200}

// Book holds the frameworks of an agent.
type Book struct {
	limits     Limits
	frameworks *orderedmap.OrderedMap[ids.Framework, *Framework]
	completed  *orderedmap.OrderedMap[ids.Framework, *Framework]
}

// New returns an empty book.
func New(l Limits) *Book {
	return &Book{
		limits:     l,
		frameworks: orderedmap.NewOrderedMap[ids.Framework, *Framework](),
		completed:  orderedmap.NewOrderedMap[ids.Framework, *Framework](),
	}
}

// Framework returns the active framework with that ID, or nil.
func (b *Book) Framework(id ids.Framework) *Framework { return b.frameworks.GetOrDefault(id, nil) }

// Executor returns an executor, or nil if it or its framework is unknown.
func (b *Book) Executor(f ids.Framework, e ids.Executor) *Executor {
	if framework := b.Framework(f); framework != nil {
		return framework.Executor(e)
	}
	return nil
}

// Find returns the executor of a run and its framework. The framework is nil if it is not active. The executor is nil if
// the run is not its current one.
func (b *Book) Find(r Run) (*Framework, *Executor) {
	f := b.Framework(r.Framework)
	if f == nil {
		return nil, nil
	}
	if e := f.Executor(r.Executor); e != nil && e.Container == r.Container {
		return f, e
	}
	return f, nil
}

// Frameworks yields the active frameworks.
func (b *Book) Frameworks() iter.Seq[*Framework] { return snapshot(b.frameworks) }

// Completed yields the completed frameworks, oldest first.
func (b *Book) Completed() iter.Seq[*Framework] { return snapshot(b.completed) }

// Empty reports whether no framework is active.
func (b *Book) Empty() bool { return b.frameworks.Len() == 0 }

// Add returns the framework described by info, and makes it active if it is not. A framework that returns keeps its
// completed executors.
func (b *Book) Add(info *mesospb.FrameworkInfo, pid runtime.PID) *Framework {
	id := ids.FrameworkOf(info.GetId())
	if f := b.Framework(id); f != nil {
		return f
	}
	f := newFramework(info, pid, b.limits)
	if earlier, ok := b.completed.Get(id); ok {
		f.completed = earlier.completed
		b.completed.Delete(id)
	}
	b.frameworks.Set(id, f)
	return f
}

// Remove moves a framework, which must be idle, to the completed ones.
func (b *Book) Remove(f *Framework) {
	if !f.Idle() {
		panic("book: framework " + f.ID.String() + " is removed while it has executors or pending tasks")
	}
	b.frameworks.Delete(f.ID)
	b.completed.Set(f.ID, f)
	if b.completed.Len() > b.limits.Frameworks {
		b.completed.Delete(b.completed.Front().Key)
	}
}

// Check returns an error if the book's indexes are inconsistent. It is for tests.
func (b *Book) Check() error {
	var errs []error
	for f := range b.Frameworks() {
		tasks := 0
		for e := range f.Executors() {
			for id := range e.all() {
				tasks++
				if f.tasks[id] != e {
					errs = append(errs, fmt.Errorf("task %s is not found with executor %s", id, e.ID))
				}
			}
		}
		if tasks != len(f.tasks) {
			errs = append(errs, fmt.Errorf("%d tasks of %s are indexed, %d are there", len(f.tasks), f.ID, tasks))
		}
		if waiting := len(f.PendingTasks()); waiting != len(f.pending) {
			errs = append(errs, fmt.Errorf("%d pending tasks of %s are indexed, %d are there", len(f.pending), f.ID, waiting))
		}
	}
	return errors.Join(errs...)
}

// snapshot iterates over the current contents of the map. The body of the loop may change the map.
func snapshot[K comparable, V any](m *orderedmap.OrderedMap[K, V]) iter.Seq[V] {
	values := make([]V, 0, m.Len())
	for v := range m.Values() {
		values = append(values, v)
	}
	return func(yield func(V) bool) {
		for _, v := range values {
			if !yield(v) {
				return
			}
		}
	}
}

// bounded keeps the latest items, up to a limit.
type bounded[T any] struct {
	n     int
	items []T
}

func (b *bounded[T]) add(item T) {
	b.items = append(b.items, item)
	if len(b.items) > b.n {
		b.items = b.items[1:]
	}
}
