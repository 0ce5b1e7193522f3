package consensus_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"meseta/actors/consensus"
	"meseta/actors/consensus/consensustest"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
)

// journal is a machine that keeps all commands.
type journal struct{ commands []string }

func (j *journal) Apply(_ uint64, command []byte) error {
	j.commands = append(j.commands, string(command))
	if strings.HasPrefix(string(command), "refused") {
		return errRefused
	}
	return nil
}

var errRefused = errors.New("the machine refuses")

func (j *journal) Snapshot() []byte { return []byte(strings.Join(j.commands, "\n")) }

func (j *journal) Restore(state []byte) error {
	j.commands = nil
	if len(state) > 0 {
		j.commands = strings.Split(string(bytes.Clone(state)), "\n")
	}
	return nil
}

func journalOf(n *consensustest.Node) []string { return n.Machine.(*journal).commands }

// storm is a group in bad weather, and clients that propose to whoever believes that he leads.
type storm struct {
	*consensustest.Weather
	proposals []proposal
	leaders   map[uint64]string // by term
}

type proposal struct {
	command string
	done    runtime.Future[struct{}]
}

// run lets a storm of one seed rage, and returns what must not be.
func run(seed uint64, mistake func(*consensus.Member)) (s *storm, err error) {
	c, err := consensustest.New(consensustest.Config{
		Seed: seed, Masters: []int{3, 3, 5}[seed%3], Member: mistake,
		Machine: func() consensus.Machine { return &journal{} },
		Options: func(o *consensus.Options) { o.CompactAt, o.Keep, o.Piece = 2000, 5, 100 },
	})
	if err != nil {
		return nil, err
	}
	s = &storm{consensustest.NewWeather(c, seed), nil, map[uint64]string{}}
	for range 150 {
		if err := s.step(); err != nil {
			return s, err
		}
	}
	return s, s.calm()
}

func (s *storm) step() error {
	if s.Chance.IntN(3) == 0 {
		if err := s.Change(); err != nil {
			return err
		}
	}
	if s.Chance.IntN(8) == 0 {
		s.crashAfter()
	} else {
		s.propose()
	}
	s.While()
	return s.check()
}

// propose proposes something to all that lead, and returns the proposals.
func (s *storm) propose() []proposal {
	before := len(s.proposals)
	for _, n := range s.Leaders() {
		command := fmt.Sprintf("c%d by %s", len(s.proposals), n.Addr)
		s.proposals = append(s.proposals, proposal{command, consensus.Propose(n.Ref, []byte(command))})
	}
	return s.proposals[before:]
}

// crashAfter has all machines crash at the moment when a proposal is said to be done, for which their disks have taken a while:
// what was not synced is lost.
func (s *storm) crashAfter() {
	for _, n := range s.Nodes {
		s.Disk(n.Addr).Stall(time.Duration(s.Chance.Int64N(int64(500 * time.Millisecond))))
	}
	done := func(p proposal) bool {
		_, answered, err := p.done.Peek()
		return answered && err == nil
	}
	some := s.propose()
	if s.RunUntil(func() bool { return slices.ContainsFunc(some, done) }, time.Second) {
		for _, n := range s.Nodes {
			n.Crash()
		}
	}
}

// check looks for what must never be: two leaders of one term, and members that disagree on what was done.
func (s *storm) check() error {
	if panics := s.Panics(); len(panics) > 0 {
		return errors.New(panics[0].Summary())
	}
	var longest []string
	for _, n := range s.Nodes {
		if !n.Up {
			continue
		}
		if n.Leads() {
			term := consensus.Term(n.Member)
			if other := s.leaders[term]; other != "" && other != n.Addr {
				return fmt.Errorf("%s and %s lead in term %d", other, n.Addr, term)
			}
			s.leaders[term] = n.Addr
		}
		commands := journalOf(n)
		shorter := min(len(commands), len(longest))
		if !slices.Equal(commands[:shorter], longest[:shorter]) {
			return fmt.Errorf("%s has done %q, another member %q", n.Addr, commands, longest)
		}
		if len(commands) > len(longest) {
			longest = commands
		}
	}
	return nil
}

// calm is what is after a storm: a leader, soon, and everything that was promised.
func (s *storm) calm() error {
	if err := s.Clear(); err != nil {
		return err
	}
	leader, err := s.Elect(20 * time.Second)
	if err == nil {
		err = leader.Propose([]byte("last"), 10*time.Second)
	}
	s.Advance(5 * time.Second)
	if err := errors.Join(err, s.check()); err != nil {
		return err
	}
	for _, n := range s.Nodes {
		if !slices.Equal(journalOf(n), journalOf(s.Nodes[0])) {
			return fmt.Errorf("%s and %s do not agree in the end", n.Addr, s.Nodes[0].Addr)
		}
	}
	times := map[string]int{}
	for _, command := range journalOf(s.Nodes[0]) {
		times[command]++
	}
	for _, p := range s.proposals {
		_, done, err := p.done.Peek()
		switch n := times[p.command]; {
		case n > 1:
			return fmt.Errorf("%q was done %d times", p.command, n)
		case done && err == nil && n != 1:
			return fmt.Errorf("%q was said to be done, and was not", p.command)
		}
	}
	return nil
}

// seeds returns which seeds are run: the usual few, or MESETA_SEEDS many, from 1 on or from MESETA_FIRST on.
func seeds(t *testing.T, usual uint64) (all []uint64) {
	number := func(name string, otherwise uint64) uint64 {
		text, given := os.LookupEnv(name)
		if !given {
			return otherwise
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	first := number("MESETA_FIRST", 1)
	for n := range number("MESETA_SEEDS", usual) {
		all = append(all, first+n)
	}
	return all
}

// TestStorm has everything happen to groups of three and five that the simulator can do, at random. There are never two
// leaders of one term, members never disagree on what was done, what was acknowledged is done once and stays done, and
// soon after the storm there is a leader.
func TestStorm(t *testing.T) {
	t.Parallel()
	acknowledged, terms := 0, 0
	for _, seed := range seeds(t, 12) {
		s, err := run(seed, nil)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, p := range s.proposals {
			if _, done, err := p.done.Peek(); done && err == nil {
				acknowledged++
			}
		}
		terms += len(s.leaders)
		s.Close()
		for _, n := range s.Living() {
			runtimetest.Quiet(t, n)
		}
	}
	t.Logf("%d proposals acknowledged in %d terms", acknowledged, terms)
	if acknowledged == 0 || terms == 0 {
		t.Error("nothing happened")
	}
}

// The same seed gives the same run.
func TestSameSeedSameTrace(t *testing.T) {
	t.Parallel()
	var logs []string
	for range 2 {
		s, err := run(7, nil)
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, s.Log())
	}
	if logs[0] != logs[1] {
		t.Error("two runs of one seed differ")
	}
}

// The storm finds members that answer before they have synced, and members that forget for whom they voted: each within a few
// seeds.
func TestMistakesAreFound(t *testing.T) {
	t.Parallel()
	for name, mistake := range map[string]func(*consensus.Member){
		"answers before the sync": consensus.AnswerEarly, "forgets terms and votes": consensus.ForgetVotes,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const enough = 20
			for seed := range uint64(enough) {
				if _, err := run(seed+1, mistake); err != nil {
					t.Logf("found by seed %d: %v", seed+1, err)
					return
				}
			}
			t.Errorf("not found by %d seeds", enough)
		})
	}
}
