// Package libprocess is the wire that C++ Mesos speaks, hand-written on both ends: messages as pipelined HTTP/1.1
// requests, and the HTTP endpoints of actors, on one port.
//
//	wire, err := libprocess.Listen(libprocess.Options{Address: "127.0.0.1:5050"})
//	node, err := runtime.NewNode(runtime.Options{Wire: wire})
//
// A message is POST /<id>/<name> with the sender in Libprocess-From (and, from C++ nodes, in User-Agent). It is answered
// 202 at once, and the sender does not wait for the answer. Messages to a peer travel, in the order of sending, on one
// connection that this node makes to the peer's advertised address; the peer's messages travel on a connection of its own.
// Links ride on this node's connection: when it ends, every actor that linked to that address is told once. Connections
// have no idle timeouts, since a link is a connection that may be silent.
//
// The package is written for Linux. On other systems it works with two differences: it notices later that a client with
// unread requests has hung up, and, except on Unix, connections that share an answer do not take turns.
//
// Other protocols may share the port: the first bytes of a connection decide; see [Protocol].
//
// Everything that arrives is foreign. A request that cannot be served, because its sender, its target or the coding of
// its body makes no sense, is answered 400 or the like, and the connection, which all actors of the peer may share, goes
// on. A connection is closed after the answer if a head is malformed or too large, a body is too large, or a request
// takes too long, because then nothing tells where the next request begins. At most one line is logged for a connection.
//
// A peer that does not read costs at most [Options.MaxQueue] bytes for long. More may wait for peers that go on reading, for all
// of them together up to [Options.MaxReserve]. When more would wait, or a peer for which it does reads less than 64 KiB in
// [Options.Patience], the connections to and from it are closed, what waited is lost and traced, and both sides learn of
// it by an exit.
package libprocess
