package api

import (
	"encoding/json"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"meseta/actors/authorizer"
	"meseta/actors/election"
	"meseta/actors/operator"
	"meseta/master"
	"meseta/master/view"
	"meseta/messages/ids"
	"meseta/runtime"
	"meseta/runtime/web"
)

// route installs the HTTP endpoints.
func (a *api) route() {
	web.Route(a, "/health", web.Help{TLDR: "Answers 200 as long as the master handles requests."}, a.serveHealth)
	web.Route(a, "/redirect", web.Help{TLDR: "Redirects to the leading master."}, a.serveRedirect)
	web.RouteIn(a, master.ReadonlyRealm, "/flags", web.Help{TLDR: "Lists the flags in effect."}, a.serveFlags)

	web.RouteIn(a, schedulerRealm, "/api/v1/scheduler", web.Help{
		TLDR:        "The scheduler API: a POST with a call in JSON or protobuf.",
		Description: "SUBSCRIBE is answered with a stream of events, which ends the framework's if it breaks; other calls with 202.",
	}, a.serveScheduler)

	web.RouteIn(a, master.ReadwriteRealm, "/api/v1", web.Help{
		TLDR:        "The operator API: a POST with a call in JSON or protobuf.",
		Description: "SUBSCRIBE is answered with a stream of events, each call that only looks with what it asks for.",
	}, a.serveOperator)

	a.routeOperator(master.ReadwriteRealm, "/teardown", "Ends a framework: a POST of frameworkId=….", a.serveTeardown, http.MethodPost)
	a.routeOperator(master.ReadwriteRealm, "/weights", "The weights of roles; PUT changes some.", a.serveWeights, http.MethodGet, http.MethodPut)
	a.routeOperator(master.ReadwriteRealm, "/quota", "The quotas of roles.", a.serveQuota, http.MethodGet, http.MethodPost, http.MethodDelete)
	a.routeReservations()
	a.routeMaintenance()

	a.routeView("/state", "All that the leading master knows of the cluster.",
		func(c *view.Cluster, _ url.Values) iter.Seq[[]byte] { return c.State() })
	a.routeView("/state-summary", "The cluster, with counts in the place of tasks.",
		func(c *view.Cluster, _ url.Values) iter.Seq[[]byte] { return c.Summary() })
	a.routeView("/slaves", "The agents; with ?slave_id=… one of them.",
		func(c *view.Cluster, q url.Values) iter.Seq[[]byte] {
			return c.Slaves(chosen[ids.Agent](q, "slave_id"))
		})
	a.routeView("/frameworks", "The frameworks; with ?framework_id=… one of them.",
		func(c *view.Cluster, q url.Values) iter.Seq[[]byte] {
			return c.FrameworksText(chosen[ids.Framework](q, "framework_id"))
		})
	a.routeView("/tasks", "The tasks by their age; ?framework_id=…&task_id=…&limit=…&offset=…&order=asc choose some.",
		func(c *view.Cluster, q url.Values) iter.Seq[[]byte] { return c.TasksText(taskQuery(q)) })
	a.routeView("/roles", "The roles, with what they hold.",
		func(c *view.Cluster, _ url.Values) iter.Seq[[]byte] { return c.RolesText() })
}

// routeView installs an endpoint that only the leading master serves. Its text is written outside the master's turns.
func (a *api) routeView(path, tldr string, text func(*view.Cluster, url.Values) iter.Seq[[]byte]) {
	web.RouteIn(a, master.ReadonlyRealm, path, web.Help{TLDR: tldr}, func(req *web.Request) answer {
		if elsewhere, ok := a.elsewhere(req); ok {
			return elsewhere
		}
		return a.asOperator(req, func(o operator.Caller) answer {
			query := req.URL.Query()
			return runtime.Ready(web.JSONContent(req, a.seen(o, func(c *view.Cluster) iter.Seq[[]byte] { return text(c, query) })))
		})
	})
}

// seen returns the text of the part of the cluster that o may see now. The part is selected, and its text written,
// outside the master's turns, as fast as the client reads.
func (a *api) seen(o operator.Caller, text func(*view.Cluster) iter.Seq[[]byte]) iter.Seq[[]byte] {
	look := a.core.Look()
	return func(yield func([]byte) bool) { text(look.For(o.May))(yield) }
}

// elsewhere answers for a master that does not lead, or that is recovering.
func (a *api) elsewhere(req *web.Request) (runtime.Future[*web.Response], bool) {
	switch {
	case !a.core.Leadership().Leads:
		return a.redirect(req.URL.RequestURI()), true
	case !a.core.Leadership().Recovered:
		return runtime.Ready(web.Unavailable("Leading master is recovering")), true
	}
	return runtime.Future[*web.Response]{}, false
}

// tasksAtOnce is the number of tasks that /tasks lists if the query has no limit.
//
// Mesos: TASK_LIMIT.
const tasksAtOnce = 100

// chosen returns the ID that a query asks for, or nil if it asks for all. Nothing has an empty ID.
func chosen[ID ~string](q url.Values, name string) *ID {
	if !q.Has(name) {
		return nil
	}
	return new(ID(q.Get(name)))
}

func taskQuery(q url.Values) view.TaskQuery {
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(q.Get(name)); err == nil {
			return n
		}
		return otherwise
	}
	return view.TaskQuery{
		Framework: chosen[ids.Framework](q, "framework_id"), Task: chosen[ids.Task](q, "task_id"),
		Limit: number("limit", tasksAtOnce), Offset: number("offset", 0), Ascending: q.Get("order") == "asc",
	}
}

func (a *api) serveHealth(*web.Request) runtime.Future[*web.Response] {
	return runtime.Ready(web.OK())
}

func (a *api) serveFlags(req *web.Request) runtime.Future[*web.Response] {
	if a.authorizer != nil && req.Method != http.MethodGet { // without an authorizer, any method is accepted
		return runtime.Ready(web.MethodNotAllowed(req, http.MethodGet))
	}
	return a.asOperator(req, func(o operator.Caller) answer {
		if !authorizer.SeesFlags(o.May) {
			return runtime.Ready(operator.Forbidden())
		}
		return runtime.Ready(web.JSON(req, json.RawMessage(view.Flags(a.core.Config().Flags))))
	})
}

// serveRedirect redirects to the leading master itself. Paths below /redirect are not found, so that masters cannot
// redirect to each other forever.
func (a *api) serveRedirect(req *web.Request) runtime.Future[*web.Response] {
	if path := req.URL.Path; path != "/redirect" && path != "/master/redirect" {
		return runtime.Ready(web.NotFound())
	}
	return a.redirect("")
}

// redirect redirects a client to path of the leading master. A path without the name of the master's actor gets it, as
// libprocess gives it to the requests that it delegates. An empty path is the leader itself.
//
// Mesos: Master::Http::redirect.
func (a *api) redirect(path string) runtime.Future[*web.Response] {
	leader := a.core.Leadership().Leader
	if leader == nil {
		return runtime.Ready(web.Unavailable("No leader elected"))
	}
	if path != "" && !strings.HasPrefix(path, "/master/") {
		path = "/master" + path
	}
	host := leader.GetHostname()
	_, port, _ := net.SplitHostPort(election.PID(leader).Addr)
	return runtime.Ready(web.Redirect("//" + host + ":" + port + path))
}
