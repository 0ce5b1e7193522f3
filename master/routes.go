package master

import (
	"encoding/json"
	"iter"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"meseta/actors/authorizer"
	"meseta/actors/detector"
	"meseta/master/view"
	"meseta/messages/ids"
	"meseta/runtime"
	"meseta/runtime/web"
)

// The realms of those who look at a master, and of those who change something.
const (
	ReadonlyRealm  = "mesos-master-readonly"
	ReadwriteRealm = "mesos-master-readwrite"
)

// route installs the HTTP endpoints.
func (m *Master) route() {
	web.Route(m, "/health", web.Help{TLDR: "Answers 200 as long as the master handles requests."}, m.serveHealth)
	web.Route(m, "/redirect", web.Help{TLDR: "Redirects to the leading master."}, m.serveRedirect)
	web.RouteIn(m, ReadonlyRealm, "/flags", web.Help{TLDR: "Lists the flags in effect."}, m.serveFlags)

	web.RouteIn(m, schedulerRealm, "/api/v1/scheduler", web.Help{
		TLDR:        "The scheduler API: a POST with a call in JSON or protobuf.",
		Description: "SUBSCRIBE is answered with a stream of events, which ends the framework's if it breaks; other calls with 202.",
	}, m.serveScheduler)

	web.RouteIn(m, ReadwriteRealm, "/api/v1", web.Help{
		TLDR:        "The operator API: a POST with a call in JSON or protobuf.",
		Description: "SUBSCRIBE is answered with a stream of events, each call that only looks with what it asks for.",
	}, m.serveOperator)

	m.routeOperator(ReadwriteRealm, "/teardown", "Ends a framework: a POST of frameworkId=….", m.serveTeardown, http.MethodPost)
	m.routeOperator(ReadwriteRealm, "/weights", "The weights of roles; PUT changes some.", m.serveWeights, http.MethodGet, http.MethodPut)
	m.routeOperator(ReadwriteRealm, "/quota", "The quotas of roles.", m.serveQuota, http.MethodGet, http.MethodPost, http.MethodDelete)
	m.routeReservations()
	m.routeMaintenance()

	m.routeView("/state", "All that the leading master knows of the cluster.",
		func(c *view.Cluster, _ url.Values) iter.Seq[[]byte] { return c.State() })
	m.routeView("/state-summary", "The cluster, with counts in the place of tasks.",
		func(c *view.Cluster, _ url.Values) iter.Seq[[]byte] { return c.Summary() })
	m.routeView("/slaves", "The agents; with ?slave_id=… one of them.",
		func(c *view.Cluster, q url.Values) iter.Seq[[]byte] {
			return c.Slaves(chosen[ids.Agent](q, "slave_id"))
		})
	m.routeView("/frameworks", "The frameworks; with ?framework_id=… one of them.",
		func(c *view.Cluster, q url.Values) iter.Seq[[]byte] {
			return c.FrameworksText(chosen[ids.Framework](q, "framework_id"))
		})
	m.routeView("/tasks", "The tasks by their age; ?framework_id=…&task_id=…&limit=…&offset=…&order=asc choose some.",
		func(c *view.Cluster, q url.Values) iter.Seq[[]byte] { return c.TasksText(taskQuery(q)) })
	m.routeView("/roles", "The roles, with what they hold.",
		func(c *view.Cluster, _ url.Values) iter.Seq[[]byte] { return c.RolesText() })
}

// routeView serves what only the leading master knows. The text is drawn beside the master's turns.
func (m *Master) routeView(path, tldr string, text func(*view.Cluster, url.Values) iter.Seq[[]byte]) {
	web.RouteIn(m, ReadonlyRealm, path, web.Help{TLDR: tldr}, func(req *web.Request) answer {
		if elsewhere, ok := m.elsewhere(req); ok {
			return elsewhere
		}
		return m.asOperator(req, func(o operator) answer {
			return runtime.Ready(web.JSONContent(req, text(m.cluster.Look().For(o.may), req.URL.Query())))
		})
	})
}

// elsewhere answers for a master that does not lead, or does not know its cluster yet.
func (m *Master) elsewhere(req *web.Request) (runtime.Future[*web.Response], bool) {
	switch {
	case !m.leads():
		return m.redirect(req.URL.RequestURI()), true
	case m.recovered != isRecovered:
		return runtime.Ready(web.Unavailable("Leading master is recovering")), true
	}
	return runtime.Future[*web.Response]{}, false
}

// tasksAtOnce is how many tasks /tasks lists if it is not told. Mesos: TASK_LIMIT.
const tasksAtOnce = 100

// chosen is the one thing that a query asks for; nil: for all. Nothing has an empty id.
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

func (m *Master) serveHealth(*web.Request) runtime.Future[*web.Response] {
	return runtime.Ready(web.OK())
}

func (m *Master) serveFlags(req *web.Request) runtime.Future[*web.Response] {
	if m.Authorizer != nil && req.Method != http.MethodGet { // which is all the same to those who may see everything
		return runtime.Ready(web.MethodNotAllowed(req, http.MethodGet))
	}
	return m.asOperator(req, func(o operator) answer {
		if !authorizer.SeesFlags(o.may) {
			return runtime.Ready(web.Forbidden("403 Forbidden."))
		}
		return runtime.Ready(web.JSON(req, json.RawMessage(view.Flags(m.config.Flags))))
	})
}

// serveRedirect leads to the leading master itself. What is below is nowhere, lest masters redirect to each other.
func (m *Master) serveRedirect(req *web.Request) runtime.Future[*web.Response] {
	if path := req.URL.Path; path != "/redirect" && path != "/master/redirect" {
		return runtime.Ready(web.NotFound())
	}
	return m.redirect("")
}

// redirect sends a client to the leading master.
//
// Mesos: Master::Http::redirect.
func (m *Master) redirect(path string) runtime.Future[*web.Response] {
	if m.leader == nil {
		return runtime.Ready(web.Unavailable("No leader elected"))
	}
	host := m.leader.GetHostname()
	_, port, _ := net.SplitHostPort(detector.PID(m.leader).Addr)
	return runtime.Ready(web.Redirect("//" + host + ":" + port + path))
}

func (m *Master) describeItself() view.Master {
	return view.Master{
		Info: m.info, Leader: m.leader, Build: m.config.Build, Started: m.started, Elected: m.elected,
		Cluster: m.config.Cluster, Flags: m.config.Flags, Weights: maps.Clone(m.weights),
		Whitelist: slices.Sorted(maps.Keys(m.whitelist)),
	}
}
