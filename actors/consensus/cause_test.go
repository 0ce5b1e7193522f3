package consensus_test

import (
	"fmt"
	"testing"
	"time"

	"meseta/actors/consensus"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
)

// proposer proposes a command and books a timer when it is answered.
type proposer struct {
	runtime.Actor
	member   runtime.Ref[*consensus.Member]
	answered bool
}

func (p *proposer) propose() {
	done := consensus.Propose(p.member, []byte(p.Self().ID))
	runtime.Await(p, done, func(struct{}, error) { p.Delay(0, func() { p.answered = true }) })
}

// What follows from an answer is caused by the turn that proposed, also where one message of another member completes several proposals.
func TestAnswersAreCausedByTheirProposals(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3, nil)
	leader := g.elect()
	node := leader.Member.Node()
	node.Trace().Record(100_000)
	var all []*proposer
	for i := range 4 {
		p := &proposer{member: leader.Ref}
		ref, err := runtime.Spawn(node, fmt.Sprint("proposer", i), p)
		if err != nil {
			t.Fatal(err)
		}
		runtime.Tell(ref, (*proposer).propose)
		all = append(all, p)
	}
	for _, p := range all {
		if !g.RunUntil(func() bool { return p.answered }, 10*time.Second) {
			t.Fatalf("%s has no answer", p.Self().ID)
		}
	}
	runtimetest.OwnCauses(t, node, "proposer", len(all))
}
