package api

import (
	"encoding/json"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/actors/operator"
	"meseta/messages/ids"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/slave/book"
)

// containerReport is what was found out about a container. One that ends meanwhile is shown without what it does not tell.
type containerReport struct {
	id       ids.Container
	executor *mesospb.ExecutorInfo // nil: the container is none of an executor
	usage    *mesospb.ResourceStatistics
	status   *mesospb.ContainerStatus
}

func (l containerReport) proto() *agentpb.Response_GetContainers_Container {
	id := l.id.Proto()
	id.Parent = nil // the reference names nested ones by their own id alone; their status has all of it
	c := &agentpb.Response_GetContainers_Container{ContainerId: id, ContainerStatus: l.status, ResourceStatistics: l.usage}
	if x := l.executor; x != nil {
		c.FrameworkId, c.ExecutorId, c.ExecutorName = x.GetFrameworkId(), x.GetExecutorId(), proto.String(x.GetName())
	}
	return c
}

// selection says which containers of executors to look at: all, or those with these ids.
type selection struct {
	may       authorizer.Approver
	framework ids.Framework
	executor  ids.Executor
	container ids.Container
}

func (k selection) at(e *book.Executor) bool {
	return e.State != book.Terminated && (k.framework == "" || k.framework == e.Framework) &&
		(k.executor == "" || k.executor == e.ID) && (k.container == "" || k.container == e.Container)
}

// inspectAll asks about all containers at once.
//
// Mesos: Http::__containers.
func (a *API) inspectAll(k selection, nested, standalone bool) runtime.Future[[]containerReport] {
	var all []runtime.Future[containerReport]
	executors := map[ids.Container]bool{} // and whether they are looked at
	for f := range a.Book().Frameworks() {
		for e := range f.Executors() {
			looked := k.at(e) && seesContainer(k.may, e, f)
			executors[e.Container] = looked
			if looked {
				all = append(all, a.inspect(containerReport{id: e.Container, executor: e.Info}))
			}
		}
	}
	if !nested && !standalone {
		return runtime.Collect(all...)
	}
	return runtime.Chain(a, a.options.Containers.List(), func(ids []ids.Container, err error) runtime.Future[[]containerReport] {
		if err != nil {
			return runtime.Failed[[]containerReport](err)
		}
		for _, id := range ids {
			looked, executor := executors[id.Root()]
			if id.Parent() == "" && (executor || !standalone) || id.Parent() != "" && !nested || executor && !looked {
				continue
			}
			if !executor && !seesStandalone(k.may, id.Root()) {
				continue
			}
			all = append(all, a.inspect(containerReport{id: id}))
		}
		return runtime.Collect(all...)
	})
}

func (a *API) inspect(l containerReport) runtime.Future[containerReport] {
	usage := mend(a.options.Containers.Usage(l.id), nil)
	status := mend(a.options.Containers.Status(l.id), nil)
	both := runtime.Collect(
		runtime.Then(usage, func(u *mesospb.ResourceStatistics) (proto.Message, error) { return u, nil }),
		runtime.Then(status, func(c *mesospb.ContainerStatus) (proto.Message, error) { return c, nil }),
	)
	return runtime.Then(both, func(m []proto.Message) (containerReport, error) {
		l.usage, l.status = m[0].(*mesospb.ResourceStatistics), m[1].(*mesospb.ContainerStatus)
		return l, nil
	})
}

// mend is f, or instead where f fails.
func mend[T any](f runtime.Future[T], instead T) runtime.Future[T] {
	return runtime.Recover(f, func(error) (T, error) { return instead, nil })
}

// ---- endpoints ----

// containerView is a container as endpoints show it.
type containerView struct {
	ContainerID  string          `json:"container_id,omitempty"`
	ExecutorID   string          `json:"executor_id"`
	ExecutorName string          `json:"executor_name"`
	FrameworkID  string          `json:"framework_id"`
	Source       string          `json:"source"`
	Statistics   json.RawMessage `json:"statistics,omitempty"`
	Status       json.RawMessage `json:"status,omitempty"`
}

type valueView struct {
	Value string `json:"value"`
}

func (l containerReport) view(detailed bool) containerView {
	v := containerView{
		ExecutorID: l.executor.GetExecutorId().GetValue(), ExecutorName: l.executor.GetName(),
		FrameworkID: l.executor.GetFrameworkId().GetValue(), Source: l.executor.GetSource(),
	}
	if u := l.usage; u != nil {
		v.Statistics = mesosjson.Marshal(u)
	}
	if !detailed {
		return v
	}
	v.ContainerID = string(l.id)
	if l.status != nil {
		v.Status = mesosjson.Marshal(l.status)
	}
	return v
}

func (a *API) viewContainers(req *web.Request, k selection, detailed bool) answer {
	return runtime.Then(a.inspectAll(k, false, false), func(all []containerReport) (*web.Response, error) {
		views := []containerView{}
		for _, l := range all {
			views = append(views, l.view(detailed))
		}
		return web.JSON(req, views), nil
	})
}

// getContainers shows the containers of all executors, or of those that a query names.
//
// Mesos: Http::containers.
func (a *API) getContainers(req *web.Request) answer {
	q := req.URL.Query()
	k := selection{
		framework: ids.Framework(q.Get("framework_id")), executor: ids.Executor(q.Get("executor_id")),
		container: ids.Container(q.Get("container_id")),
	}
	if k.container != "" && (k.framework != "" || k.executor != "") || k.container == "" && k.executor != "" && k.framework == "" {
		return runtime.Ready(web.BadRequest("Supported query parameters are container_id only," +
			" framework_id only, or executor_id and framework_id only"))
	}
	return a.askGet(req, func(by operator.Caller) answer {
		if k.may = by.May; !mayGet(by.May, req) {
			return runtime.Ready(operator.Forbidden())
		}
		return a.viewContainers(req, k, true)
	})
}

// getStatistics is not asked more than twice a second.
func (a *API) getStatistics(req *web.Request) answer {
	return runtime.Chain(a, a.statistics.Acquire(), func(_ struct{}, err error) answer {
		if err != nil {
			return runtime.Failed[*web.Response](err)
		}
		return a.askGet(req, func(by operator.Caller) answer {
			if !mayGet(by.May, req) {
				return runtime.Ready(operator.Forbidden())
			}
			return a.viewContainers(req, selection{}, false)
		})
	})
}

// getPending shows what the containerizer has begun and not ended; there is nothing that could hang.
func (a *API) getPending(req *web.Request) answer {
	return a.askGet(req, func(by operator.Caller) answer {
		if !mayGet(by.May, req) {
			return runtime.Ready(operator.Forbidden())
		}
		return runtime.Ready(web.JSON(req, json.RawMessage(`{"pending":[]}`)))
	})
}
