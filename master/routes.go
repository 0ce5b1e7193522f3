package master

import (
	"encoding/json"
	"net"

	"meseta/actors/detector"
	"meseta/master/view"
	"meseta/messages/ids"
	"meseta/runtime"
)

// route installs the HTTP endpoints.
func (m *Master) route() {
	runtime.Route(m, "/health", runtime.Help{TLDR: "Answers 200 as long as the master handles requests."}, m.serveHealth)
	runtime.Route(m, "/version", runtime.Help{TLDR: "Tells which version runs."}, m.serveVersion)
	runtime.Route(m, "/redirect", runtime.Help{TLDR: "Redirects to the leading master."}, m.serveRedirect)
	runtime.Route(m, "/flags", runtime.Help{TLDR: "Lists the flags in effect."}, m.serveFlags)

	runtime.Route(m, "/api/v1/scheduler", runtime.Help{
		TLDR:        "The scheduler API: a POST with a call in JSON or protobuf.",
		Description: "SUBSCRIBE is answered with a stream of events, which ends the framework's if it breaks; other calls with 202.",
	}, m.serveScheduler)

	m.routeView("/state", "All that the leading master knows of the cluster.", func(*runtime.Request) []byte {
		return view.State(m.view(), m.book)
	})
	m.routeView("/slaves", "The agents; with ?slave_id=… one of them.", func(req *runtime.Request) []byte {
		return view.Agents(m.book, ids.Agent(req.URL.Query().Get("slave_id")))
	})
	m.routeView("/frameworks", "The frameworks; with ?framework_id=… one of them.", func(req *runtime.Request) []byte {
		return view.Frameworks(m.book, ids.Framework(req.URL.Query().Get("framework_id")))
	})
	m.routeView("/roles", "The roles, with what they hold.", func(*runtime.Request) []byte {
		return view.Roles(m.view(), m.book)
	})
}

// routeView serves what only the leading master knows, also under the name with .json that old tools use.
func (m *Master) routeView(path, tldr string, body func(*runtime.Request) []byte) {
	serve := func(req *runtime.Request) runtime.Future[*runtime.Response] {
		switch {
		case !m.leads():
			return m.redirect(req.URL.RequestURI())
		case m.recovered != isRecovered:
			return runtime.Ready(runtime.Unavailable("Leading master is recovering"))
		}
		return runtime.Ready(runtime.JSON(req, json.RawMessage(body(req))))
	}
	runtime.Route(m, path, runtime.Help{TLDR: tldr}, serve)
	runtime.Route(m, path+".json", runtime.Help{TLDR: "The same as " + path + "."}, serve)
}

func (m *Master) serveHealth(*runtime.Request) runtime.Future[*runtime.Response] {
	return runtime.Ready(runtime.OK())
}

func (m *Master) serveVersion(req *runtime.Request) runtime.Future[*runtime.Response] {
	return runtime.Ready(runtime.JSON(req, json.RawMessage(m.version().JSON())))
}

func (m *Master) serveFlags(req *runtime.Request) runtime.Future[*runtime.Response] {
	return runtime.Ready(runtime.JSON(req, json.RawMessage(view.Flags(m.config.Flags))))
}

func (m *Master) serveRedirect(*runtime.Request) runtime.Future[*runtime.Response] {
	return m.redirect("")
}

// redirect sends a client to the leading master.
//
// Mesos: Master::Http::redirect.
func (m *Master) redirect(path string) runtime.Future[*runtime.Response] {
	if m.leader == nil {
		return runtime.Ready(runtime.Unavailable("No leader elected"))
	}
	host := m.leader.GetHostname()
	_, port, _ := net.SplitHostPort(detector.PID(m.leader).Addr)
	return runtime.Ready(runtime.Redirect("//" + host + ":" + port + path))
}

func (m *Master) view() view.Master {
	return view.Master{
		Info: m.info, Leader: m.leader, Version: m.version(), Started: m.started, Elected: m.elected,
		Cluster: m.config.Cluster, Flags: m.config.Flags, Weights: m.weights,
	}
}

func (m *Master) version() view.Version {
	b := m.config.Build
	return view.Version{
		Version: m.config.Version, GitSHA: b.GitSHA, BuildDate: b.Date, BuildUser: b.User, BuildTime: b.Time,
	}
}
