package api

import (
	"encoding/json"
	"iter"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/actors/operator"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/slave/book"
	"meseta/slave/view"
)

// selection selects containers of executors: all, or those with these IDs.
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

// inspectAll inspects all selected containers concurrently.
//
// Mesos: Http::__containers.
func (a *API) inspectAll(k selection, nested, standalone bool) runtime.Future[[]view.Container] {
	var all []runtime.Future[view.Container]
	executors := map[ids.Container]bool{} // the value says whether the container is selected
	for f := range a.Book().Frameworks() {
		for e := range f.Executors() {
			looked := k.at(e) && seesContainer(k.may, e, f)
			executors[e.Container] = looked
			if looked {
				all = append(all, a.inspect(view.Container{ID: e.Container, Executor: e.Info}))
			}
		}
	}
	if !nested && !standalone {
		return runtime.Collect(all...)
	}
	return runtime.Chain(a, a.options.Containers.List(), func(ids []ids.Container, err error) runtime.Future[[]view.Container] {
		if err != nil {
			return runtime.Failed[[]view.Container](err)
		}
		for _, id := range ids {
			looked, executor := executors[id.Root()]
			if id.Parent() == "" && (executor || !standalone) || id.Parent() != "" && !nested || executor && !looked {
				continue
			}
			if !executor && !seesStandalone(k.may, id.Root()) {
				continue
			}
			all = append(all, a.inspect(view.Container{ID: id}))
		}
		return runtime.Collect(all...)
	})
}

// inspect asks the containerizer for the status and usage of c.
func (a *API) inspect(c view.Container) runtime.Future[view.Container] {
	usage := mend(a.options.Containers.Usage(c.ID), nil)
	status := mend(a.options.Containers.Status(c.ID), nil)
	both := runtime.Collect(
		runtime.Then(usage, func(u *mesospb.ResourceStatistics) (proto.Message, error) { return u, nil }),
		runtime.Then(status, func(s *mesospb.ContainerStatus) (proto.Message, error) { return s, nil }),
	)
	return runtime.Then(both, func(m []proto.Message) (view.Container, error) {
		c.Usage, c.Status = m[0].(*mesospb.ResourceStatistics), m[1].(*mesospb.ContainerStatus)
		return c, nil
	})
}

// mend returns f, or instead if f fails.
func mend[T any](f runtime.Future[T], instead T) runtime.Future[T] {
	return runtime.Recover(f, func(error) (T, error) { return instead, nil })
}

// ---- endpoints ----

func (a *API) showContainers(req *web.Request, k selection, text func([]view.Container) iter.Seq[[]byte]) answer {
	return runtime.Then(a.inspectAll(k, false, false), func(all []view.Container) (*web.Response, error) {
		return web.JSONContent(req, text(all)), nil
	})
}

// getContainers serves /containers, which lists the containers of all executors or of those that the query names.
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
		return a.showContainers(req, k, view.ContainersText)
	})
}

// getStatistics serves /monitor/statistics, at most twice a second.
func (a *API) getStatistics(req *web.Request) answer {
	return runtime.Chain(a, a.statistics.Acquire(), func(_ struct{}, err error) answer {
		if err != nil {
			return runtime.Failed[*web.Response](err)
		}
		return a.askGet(req, func(by operator.Caller) answer {
			if !mayGet(by.May, req) {
				return runtime.Ready(operator.Forbidden())
			}
			return a.showContainers(req, selection{}, view.StatisticsText)
		})
	})
}

// getPending serves /containerizer/debug, which lists pending operations of the containerizer. There are never any.
func (a *API) getPending(req *web.Request) answer {
	return a.askGet(req, func(by operator.Caller) answer {
		if !mayGet(by.May, req) {
			return runtime.Ready(operator.Forbidden())
		}
		return runtime.Ready(web.JSON(req, json.RawMessage(`{"pending":[]}`)))
	})
}
