package agents

import (
	"meseta/master/book"
	"meseta/master/validate"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// taken remembers what the resources of the latest agents came to, because those of a cluster are often the same messages.
type taken struct {
	reports   validate.Reports
	totals    resources.Latest[resources.Resources]
	framework *mesospb.FrameworkInfo // whose tasks hold what is in held
	held      resources.Latest[resources.Resources]
}

// totalOf returns the resources of an agent.
func (t *taken) totalOf(info *mesospb.SlaveInfo) resources.Resources {
	return t.totals.Of(info.GetResources(), resources.FromValid)
}

// heldBy is the function of that name.
func (t *taken) heldBy(f *book.Framework, ps []*mesospb.Resource) resources.Resources {
	if t.framework != f.Info {
		t.framework, t.held = f.Info, resources.Latest[resources.Resources]{}
	}
	return t.held.Of(ps, func(ps []*mesospb.Resource) resources.Resources { return heldBy(f, ps) })
}
