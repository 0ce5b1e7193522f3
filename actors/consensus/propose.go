package consensus

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/consensuspb"
	"meseta/runtime"
)

// proposals are those of this member that are not known to be done.
type proposals struct {
	last    uint64
	waiting map[uint64]runtime.Promise[struct{}] // by number
}

func (p *proposals) add(promise runtime.Promise[struct{}]) uint64 {
	if p.waiting == nil {
		p.waiting = map[uint64]runtime.Promise[struct{}]{}
	}
	p.last++
	p.waiting[p.last] = promise
	return p.last
}

// done tells the proposer what has become of a proposal.
func (p *proposals) done(number uint64, err error) {
	promise, waits := p.waiting[number]
	delete(p.waiting, number)
	switch {
	case !waits:
	case err != nil:
		promise.Fail(err)
	default:
		promise.Set(struct{}{})
	}
}

// fail ends all, of which it is not known whether they will be done.
func (p *proposals) fail(err error) {
	for _, number := range slices.Sorted(maps.Keys(p.waiting)) {
		p.done(number, err)
	}
}

// Propose changes the machine by a command. The future completes when a majority has the command on disk and this member's
// machine has applied it, with the error that it returned. It fails with [ErrLost] if this member does not lead, or
// loses the leadership before: then it is not known whether the command will be applied.
func (m *Member) Propose(command []byte) runtime.Future[struct{}] {
	if !m.Leads() {
		return runtime.Failed[struct{}](ErrLost)
	}
	return m.submit(&consensuspb.Command{What: &consensuspb.Command_Machine{Machine: command}})
}

// submit gives a command to Raft.
func (m *Member) submit(c *consensuspb.Command) runtime.Future[struct{}] {
	promise := runtime.Owe[struct{}](m)
	c.Proposer, c.Number = m.incarnation, m.proposals.add(promise)
	encoded, err := proto.Marshal(c)
	if err == nil {
		err = m.raft.Propose(encoded)
	}
	if err != nil {
		m.proposals.done(c.Number, err)
	}
	m.advance()
	return runtime.CausedHere(m, promise.Future())
}

// Propose calls [Member.Propose] on a turn of the member that ref refers to.
func Propose(ref runtime.Ref[*Member], command []byte) runtime.Future[struct{}] {
	return runtime.Ask(ref, (*Member).Propose, command)
}
