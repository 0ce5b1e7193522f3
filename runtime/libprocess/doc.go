// Package libprocess is the wire that C++ Mesos speaks, hand-written on both ends: messages as pipelined HTTP/1.1
// requests, and the HTTP endpoints of actors, on one port.
//
//	wire, err := libprocess.Listen(libprocess.Options{Address: "127.0.0.1:5050"})
//	node, err := runtime.NewNode(runtime.Options{Wire: wire})
//
// A message is POST /<id>/<name> with the sender in Libprocess-From (and, from C++ nodes, in User-Agent). It is answered
// 202 at once; nobody waits for the answer. What is sent to a peer travels on one connection of our own to its
// advertised address, never back on the one it came by. Links ride on the same connection: when it ends, whoever linked
// to that address is told once. Connections have no idle timeouts, since a link is a connection that says nothing.
//
// The package is for Linux, and builds and works on other systems, where two things are coarser: the end of a client with
// unread requests before it is noticed later, and, except on Unix, connections that share an answer do not take turns.
//
// Other protocols may share the port: the first bytes of a connection decide; see [Protocol].
//
// Everything that arrives is foreign. A request that cannot be served, because its sender, its target or the coding of
// its body makes no sense, is answered 400 or the like, and the connection, which all actors of the peer may share, goes
// on. Where it is unclear, or too far, where the request ends, the connection is closed after the answer: one whose head
// is malformed or oversized, whose body is oversized, or which takes too long. One line is logged for a connection. A peer that does not read costs at most [Options.MaxQueue] bytes: when more would wait for it, the
// connections to and from it are closed, what waited is lost and traced, and both sides are told of an exit.
package libprocess
