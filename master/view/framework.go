package view

import (
	"cmp"
	"iter"
	"sync"
	"time"

	"github.com/tidwall/btree"

	"meseta/master/book"
	"meseta/messages/capabilities"
	"meseta/messages/endpoint"
	"meseta/messages/ids"
	"meseta/messages/jsonwriter"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// Framework is a snapshot of a framework.
type Framework struct {
	of *book.Framework // only the mirror may use it

	ID           ids.Framework
	Info         *mesospb.FrameworkInfo
	Capabilities capabilities.Framework
	Roles        []string
	PID          runtime.PID
	Constraints  *schedulerpb.OfferConstraints
	State        book.FrameworkState
	Registered   time.Time
	Reregistered time.Time
	Unregistered time.Time // zero while it is registered

	tasks       *btree.BTreeG[*book.Facts]
	executors   *btree.BTreeG[*book.Executor]
	offers      *btree.BTreeG[*book.Offer]
	unreachable []*book.Facts // oldest first
	completed   []*book.Facts // oldest first

	sum     sync.Once
	used    resources.Resources // by executors and non-terminal tasks
	offered resources.Resources // in outstanding offers
}

func newFramework(f *book.Framework) *Framework {
	return &Framework{
		of: f, ID: f.ID, Info: f.Info, Capabilities: f.Capabilities, Roles: f.Roles, PID: f.PID, State: f.State,
		Constraints: f.Constraints,
		Registered:  f.Registered, Reregistered: f.Reregistered, Unregistered: f.Unregistered,
	}
}

// isCurrent reports whether the framework, apart from its tasks, executors and offers, has not changed since the
// snapshot.
func (f *Framework) isCurrent() bool {
	now := f.of
	return f.Info == now.Info && f.PID == now.PID && f.State == now.State && f.Constraints == now.Constraints &&
		f.Registered.Equal(now.Registered) && f.Reregistered.Equal(now.Reregistered) && f.Unregistered.Equal(now.Unregistered)
}

// Connected reports whether the scheduler was connected.
func (f *Framework) Connected() bool { return f.State == book.Active || f.State == book.Inactive }

// Tasks yields the tasks that were not terminal, or whose terminal update was not acknowledged.
func (f *Framework) Tasks() iter.Seq[*book.Facts] { return f.tasks.Scan }

// All yields all tasks that were remembered, including completed and unreachable ones.
func (f *Framework) All() iter.Seq[*book.Facts] {
	return func(yield func(*book.Facts) bool) {
		going := true
		f.tasks.Scan(func(t *book.Facts) bool {
			going = yield(t)
			return going
		})
		for _, past := range [][]*book.Facts{f.unreachable, f.completed} {
			for i := 0; going && i < len(past); i++ {
				going = yield(past[i])
			}
		}
	}
}

// Used returns what executors and non-terminal tasks used.
func (f *Framework) Used() resources.Resources {
	f.sum.Do(f.count)
	return f.used
}

// Offered returns the resources in outstanding offers.
func (f *Framework) Offered() resources.Resources {
	f.sum.Do(f.count)
	return f.offered
}

func (f *Framework) count() {
	bags := make([]resources.Resources, 0, f.tasks.Len()+f.executors.Len())
	for t := range f.Tasks() {
		if t.HoldsResources() {
			bags = append(bags, t.Resources)
		}
	}
	for e := range f.executors.Scan {
		bags = append(bags, e.Resources)
	}
	f.used = resources.Sum(bags...)
	bags = bags[:0]
	for o := range f.offers.Scan {
		bags = append(bags, o.Resources)
	}
	f.offered = resources.Sum(bags...)
}

// FrameworksText returns the body of /frameworks, restricted to one framework if id is not nil.
func (c *Cluster) FrameworksText(id *ids.Framework) iter.Seq[[]byte] {
	return jsonwriter.Text(func(o object) {
		o.List("frameworks", func(a array) { writeFrameworks(a, c.Frameworks, id) })
		o.List("completed_frameworks", func(a array) { writeFrameworks(a, c.Completed, id) })
		o.List("unregistered_frameworks", func(array) {})
	})
}

func writeFrameworks(a array, frameworks []*Framework, id *ids.Framework) {
	for _, f := range frameworks {
		if id == nil || f.ID == *id {
			a.Obj(func(o object) { f.write(o) })
		}
	}
}

func (f *Framework) write(o object) {
	f.writeSummary(o)
	o.Str("user", f.Info.GetUser())
	o.Num("failover_timeout", f.Info.GetFailoverTimeout())
	o.Boolean("checkpoint", f.Info.GetCheckpoint())
	o.Num("registered_time", endpoint.Seconds(f.Registered))
	o.Num("unregistered_time", endpoint.Seconds(f.Unregistered))
	if f.Info.Principal != nil {
		o.Str("principal", f.Info.GetPrincipal())
	}
	endpoint.Resources(o, "resources", f.Used().Plus(f.Offered()))
	if !f.Reregistered.Equal(f.Registered) {
		o.Num("reregistered_time", endpoint.Seconds(f.Reregistered))
	}
	if f.Capabilities.MultiRole {
		o.Strs("roles", f.Roles)
	} else {
		o.Str("role", f.Roles[0])
	}
	f.writeTasks(o)
	o.List("offers", func(a array) {
		for offer := range f.offers.Scan {
			a.Obj(func(o object) { o.Remembered(&offer.Memo, func(o object) { writeOffer(o, offer) }) })
		}
	})
	o.List("executors", func(a array) {
		for e := range f.executors.Scan {
			a.Obj(func(o object) { writeExecutor(o, e) })
		}
	})
	if f.Info.Labels != nil {
		endpoint.Labels(o, f.Info.Labels)
	}
	o.Message("offer_constraints", cmp.Or(f.Constraints, &schedulerpb.OfferConstraints{}))
}

func (f *Framework) writeTasks(o object) {
	o.List("tasks", func(a array) {
		for t := range f.Tasks() {
			if !writeTask(a, t) {
				return
			}
		}
	})
	o.List("unreachable_tasks", func(a array) { writeTasks(a, f.unreachable) })
	o.List("completed_tasks", func(a array) { writeTasks(a, f.completed) })
}

func (f *Framework) writeSummary(o object) {
	o.Str("id", string(f.ID))
	o.Str("name", f.Info.GetName())
	if !f.PID.IsZero() {
		o.Str("pid", f.PID.String())
	}
	endpoint.Resources(o, "used_resources", f.Used())
	endpoint.Resources(o, "offered_resources", f.Offered())
	o.List("capabilities", func(a array) {
		for _, c := range f.Info.GetCapabilities() {
			a.Str(c.GetType().String())
		}
	})
	o.Str("hostname", f.Info.GetHostname())
	o.Str("webui_url", f.Info.GetWebuiUrl())
	o.Boolean("active", f.State == book.Active)
	o.Boolean("connected", f.Connected())
	o.Boolean("recovered", f.State == book.Recovered)
}

func writeOffer(o object, offer *book.Offer) {
	o.Str("id", string(offer.ID))
	o.Str("framework_id", string(offer.Framework))
	o.Obj("allocation_info", func(o object) { o.Str("role", offer.Role) })
	o.Str("slave_id", string(offer.Agent))
	endpoint.Resources(o, "resources", offer.Resources)
}

func writeExecutor(o object, e *book.Executor) {
	o.Str("executor_id", string(e.ID))
	o.Str("name", e.Info.GetName())
	o.Str("framework_id", string(e.Framework))
	o.Obj("command", func(o object) { endpoint.Command(o, e.Info.GetCommand()) })
	endpoint.Resources(o, "resources", e.Resources)
	if !e.Resources.IsEmpty() {
		o.Str("role", endpoint.RoleOf(e.Resources))
	}
	if e.Info.Labels != nil {
		endpoint.Labels(o, e.Info.Labels)
	}
	if e.Info.Type != nil {
		o.Str("type", e.Info.GetType().String())
	}
	o.Str("slave_id", string(e.Agent))
}
