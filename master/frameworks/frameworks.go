// Package frameworks implements the part of a master that deals with frameworks: their schedulers subscribe, fail over
// to another address or API, disconnect, update the FrameworkInfo, and end the framework.
package frameworks

import (
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/master/counts"
	"meseta/master/peers"
	"meseta/master/ratelimit"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Options configures [Frameworks]. All fields are required.
type Options struct {
	Cluster    *cluster.Cluster
	Peers      *peers.Peers
	Limits     *ratelimit.Limits
	InOrder    func(ids.Framework, func()) // calls a function after all earlier calls of a framework were carried out
	Master     *mesospb.MasterInfo         // sent to schedulers
	NextID     func() ids.Framework
	AllowsRole func(role string) bool
	RefuseRoot bool              // refuse frameworks whose user is root
	Ended      func(*book.Agent) // called for a draining agent after a framework ended
}

// Frameworks holds the conversations with schedulers. They belong to the master's actor and may be used only on its
// turns.
type Frameworks struct {
	*runtime.Actor // the master's
	book           *book.Book
	cluster        *cluster.Cluster
	counts         *counts.Counts
	peers          *peers.Peers
	limits         *ratelimit.Limits
	inOrder        func(ids.Framework, func())
	master         *mesospb.MasterInfo
	nextID         func() ids.Framework
	allowsRole     func(string) bool
	refuseRoot     bool
	ended          func(*book.Agent)
}

// New returns the frameworks of actor.
func New(actor *runtime.Actor, o Options) *Frameworks {
	return &Frameworks{
		Actor: actor, book: o.Cluster.Book, cluster: o.Cluster, counts: o.Cluster.Counts, peers: o.Peers, limits: o.Limits, inOrder: o.InOrder,
		master: o.Master, nextID: o.NextID, allowsRole: o.AllowsRole, refuseRoot: o.RefuseRoot, ended: o.Ended,
	}
}
