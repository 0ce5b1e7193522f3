// Package web lets actors answer HTTP requests.
//
//	func (m *Master) Initialize() {
//		web.Route(m, "/state", stateHelp, m.state)
//	}
//
//	func (m *Master) state(req *web.Request) runtime.Future[*web.Response] {
//		return runtime.Ready(web.JSON(req, m.summary()))
//	}
//
// A request for /<id>/<path> is an event in the queue of the actor id, between its messages: the handler runs on a turn of
// that actor, in the order in which requests and messages arrive, and returns a future, so that it may wait for others
// before it answers.
//
// When a client hangs up before it is answered, the future that the handler returned is discarded, and with it the
// futures it is derived from; a function that [runtime.Go] runs for it finds its context cancelled. A handler that makes a
// promise of its own learns of it by [runtime.Promise.OnDiscard].
//
// [OK], [Text], [JSON] and the like make short answers, worded as libprocess words them. [Response.Content] is for long
// ones: it is produced off the actor's turn, as the client reads it. [Stream] is for answers without an end.
//
// [RouteIn] puts a route into a realm. [SetAuthenticator] and [SetAuthorizer] install what examines the requests of a realm;
// where nothing is installed they pass. Requests to one actor stay in order while some of them are examined.
//
// [Serve] answers requests to a node. Package libprocess calls it for requests from the network; tests call it directly,
// with the help of package webtest.
//
// [NewClient] makes clients, whose requests say what caused them.
package web
