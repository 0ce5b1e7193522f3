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
// that actor, in the order in which requests and messages came. It answers with a future, and may so wait for others.
//
// When a client goes away before it is answered, the future that the handler returned is discarded: what is discarded
// with it need not be done. A handler that makes a promise of its own learns of it by [runtime.Promise.OnDiscard].
//
// Short answers are made by [OK], [Text], [JSON] and the like, which have the words of libprocess. A long one is
// [Response.Content], drawn on no actor's turn as the client reads it, and one without an end is a [Stream].
//
// [RouteIn] puts a route into a realm, whose requests are examined by what [SetAuthenticator] and [SetAuthorizer] have
// installed, or pass if that is nothing. Requests to one actor stay in order while some of them are examined.
//
// [Serve] answers requests to a node. Package libprocess calls it for what comes in on the network, tests call it
// themselves; package webtest helps them.
package web
