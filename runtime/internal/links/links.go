// Package links records which actors are linked to which peers.
package links

import (
	"cmp"
	"slices"
	"sync"
)

// Peer is the target of a link: an actor by its ID and its node.
type Peer struct{ ID, Addr string }

func (p Peer) compare(q Peer) int {
	return cmp.Or(cmp.Compare(p.ID, q.ID), cmp.Compare(p.Addr, q.Addr))
}

// Book has at most one link of each linker A to each peer. An entry is taken out when its exit is on its way to the linker.
// The zero Book is empty and ready; its methods may be called from any goroutine.
type Book[A comparable] struct {
	mu     sync.Mutex
	serial uint64
	byAddr map[string]map[Peer]map[A]*link
}

// link is one linker's interest in a peer. Connections are numbered in the order in which they were made; zero is none.
type link struct {
	serial uint64
	over   uint64 // the connection to the peer's node; zero while that is being found out, and on the linker's own node
	ended  uint64 // the latest connection that ended meanwhile
}

// Exit is one linker to be told.
type Exit[A comparable] struct {
	Linker A
	Peer   Peer
	Link   uint64
}

// Add makes sure that a is linked to to, and returns the number of that link. Numbers are not used again.
func (b *Book[A]) Add(a A, to Peer) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	linkers := b.linkers(to)
	if linkers[a] == nil {
		b.serial++
		linkers[a] = &link{serial: b.serial}
	}
	return linkers[a].serial
}

// linkers returns the actors that are linked to to, for writing.
func (b *Book[A]) linkers(to Peer) map[A]*link {
	if b.byAddr == nil {
		b.byAddr = map[string]map[Peer]map[A]*link{}
	}
	peers := b.byAddr[to.Addr]
	if peers == nil {
		peers = map[Peer]map[A]*link{}
		b.byAddr[to.Addr] = peers
	}
	if peers[to] == nil {
		peers[to] = map[A]*link{}
	}
	return peers[to]
}

// Connect notes the connection that a link is over, unless it has one and this one is not renewed. It reports false, and
// takes the link out, if that connection has ended already: then its linker is to be told.
func (b *Book[A]) Connect(a A, to Peer, connection uint64, renewed bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.byAddr[to.Addr][to][a]
	if k == nil || k.over != 0 && !renewed {
		return true
	}
	k.over = connection
	if connection == 0 || k.ended < connection {
		return true
	}
	b.drop(a, to)
	return false
}

// Remove takes the link of a to to out, if there is one.
func (b *Book[A]) Remove(a A, to Peer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(a, to)
}

func (b *Book[A]) drop(a A, to Peer) {
	linkers := b.byAddr[to.Addr][to]
	delete(linkers, a)
	if len(linkers) == 0 {
		b.forget(to)
	}
}

func (b *Book[A]) forget(to Peer) {
	delete(b.byAddr[to.Addr], to)
	if len(b.byAddr[to.Addr]) == 0 {
		delete(b.byAddr, to.Addr)
	}
}

// Take takes out the links to a peer that has ended, and returns them in the order in which they were made.
func (b *Book[A]) Take(to Peer) []Exit[A] {
	b.mu.Lock()
	defer b.mu.Unlock()
	var exits []Exit[A]
	for a, k := range b.byAddr[to.Addr][to] {
		exits = append(exits, Exit[A]{a, to, k.serial})
	}
	b.forget(to)
	return inOrder(exits)
}

// TakeNode takes out the links to peers of a node that went over a connection which has ended, or an earlier one, and
// returns them peer by peer, each in the order in which they were made. Later connections are not concerned.
func (b *Book[A]) TakeNode(addr string, ended uint64) []Exit[A] {
	b.mu.Lock()
	defer b.mu.Unlock()
	var exits []Exit[A]
	for _, to := range b.peers(addr) {
		exits = append(exits, b.takeOver(to, ended)...)
	}
	return exits
}

// takeOver is TakeNode for one peer.
func (b *Book[A]) takeOver(to Peer, ended uint64) []Exit[A] {
	var exits []Exit[A]
	for a, k := range b.byAddr[to.Addr][to] {
		switch {
		case k.over == 0:
			k.ended = max(k.ended, ended)
		case k.over <= ended:
			exits = append(exits, Exit[A]{a, to, k.serial})
		}
	}
	for _, e := range exits {
		b.drop(e.Linker, to)
	}
	return inOrder(exits)
}

func inOrder[A comparable](exits []Exit[A]) []Exit[A] {
	slices.SortFunc(exits, func(x, y Exit[A]) int { return cmp.Compare(x.Link, y.Link) })
	return exits
}

// All returns the peers that each linker is linked to, sorted.
func (b *Book[A]) All() map[A][]Peer {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[A][]Peer{}
	for _, peers := range b.byAddr {
		for to, linkers := range peers {
			for a := range linkers {
				all[a] = append(all[a], to)
			}
		}
	}
	for _, peers := range all {
		slices.SortFunc(peers, Peer.compare)
	}
	return all
}

// peers returns the peers on one node that actors are linked to, sorted.
func (b *Book[A]) peers(addr string) []Peer {
	all := make([]Peer, 0, len(b.byAddr[addr]))
	for to := range b.byAddr[addr] {
		all = append(all, to)
	}
	slices.SortFunc(all, Peer.compare)
	return all
}
