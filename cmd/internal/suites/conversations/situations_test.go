package conversations

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"meseta/messages/ids"
	"meseta/slave/recovery"
)

// situation is a recorded conversation.
type situation struct {
	name   string
	before string // the tree that the agent finds; empty means what follows from that of the first life
	lives  []life
}

// nothing is what an agent finds that was never there before.
const nothing = "nothing"

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func exits(status int32, executors ...ids.Executor) func(*player) {
	return func(p *player) {
		for _, x := range executors {
			p.exits(x, status)
		}
	}
}

// nock is a part of the ID of a framework that wants no checkpoints. Its tasks were not recorded: of messages of one kind only the first
// three were.
const nock = `-0001"`

// While the agent is stopped, what is said to it waits.
func pauses(p *player)  { p.pause(true) }
func resumes(p *player) { p.pause(false) }

var situations = []situation{
	{"1-restart", "before", []life{{from: 4.77, until: 16, after: "end", during: []happening{
		{10, "after", nil}, {12.3, "", exits(0, "cmd-1")}, {14.47, "", exits(0, "grp")},
	}}}},
	{"2-finish-while-down", "down", []life{{from: 6.06, until: 15, after: "after", prepare: exits(0, "cmd-1")}}},
	{"3-unacked", "before", []life{{from: 7.45, until: 25, after: "acked", during: []happening{{13, "after", nil}}}}},
	{"4-cleanup", "", []life{
		{from: 3.15, until: 9, after: "after", prepare: func(p *player) { p.config.Recover = recovery.Cleanup },
			during: []happening{{4.2, "", exits(0, "cmd-1", "hold", "grp")}}},
		{from: 9.7, until: 15, after: "next-start", prepare: func(p *player) { p.config.Recover = recovery.Reconnect }},
	}},
	{"6b-reboot", "", []life{{from: 3.9, until: 10, after: "after", prepare: func(p *player) {
		p.bootedSince()
		p.forgets("cmd-1", "hold", "grp")
	}}}},
	{"8-executor-killed-while-down", "", []life{{from: 3.95, until: 10, after: "after", prepare: exits(9, "cmd-1", "hold", "grp")}}},
	{"9-executor-silent", "", []life{{from: 2.62, until: 10, after: "after", during: []happening{
		{4.71, "", exits(9, "hold")}, {4.75, "", exits(9, "cmd-1")}, {4.81, "", exits(9, "grp")},
	}}}},
	{"10-recovery-timeout", "", []life{{from: 9.12, until: 17, after: "after", prepare: exits(0, "cmd-1", "grp"), during: []happening{{11.13, "", exits(9, "hold")}}}}},
	{"11-http-command-executor", "before", []life{{from: 3.45, until: 10, after: "after"}}},
	{"12-teardown-while-down", "", []life{{from: 3.14, until: 15, after: "after", during: []happening{
		{6.1, "", exits(0, "cmd-1")}, {11.08, "", exits(9, "hold")}, {11.09, "", exits(9, "grp")},
	}}}},
	{"13-sigterm", "down", []life{{from: 4.12, until: 10, after: "after"}}},
	{"13-sigusr1", "down", []life{{from: 9.7, until: 13, after: "after"}}},
	{"14-v0-scheduler", "before", []life{{from: 4.39, until: 18, during: []happening{{9, "after", nil}, {14.3, "after-scheduler-failover", nil}}}}},
	{"16-drain", "draining", []life{{from: 4.7, until: 12.9, after: "drained", during: []happening{{6.39, "", exits(0, "stubborn")}}}}},
	{"18-staging", "before", []life{{from: 3.3, until: 10.3, after: "after", during: []happening{{5.33, "", exits(9, "late", "never")}}}}},
	{"19-executor-exit-codes", "down", []life{{from: 1.28, until: 7, after: "after", during: []happening{{2.3, "", exits(0, "ok", "bad", "sig")}}}}},
	// A C++ agent sends what is not acknowledged again for each framework that the master tells it about, ours only what is of that one.
	{"15-unreachable", nothing, []life{{until: 16, unsaid: []float64{9.9642}, during: []happening{
		{1.5, "", pauses}, {9.165, "", resumes}, {9.7345, "", exits(0, "aware-2")},
	}}}},
	{"17-retries", nothing, []life{{until: 85}}},
}

// beginnings are the lives before, of agents that found nothing. Those of other situations were not recorded whole.
var beginnings = map[string]life{
	"1-restart":                {until: 2.12, after: "before", without: nock},
	"3-unacked":                {until: 2.12, after: "before", without: nock},
	"11-http-command-executor": {until: 2.12, after: "before"},
	"14-v0-scheduler":          {until: 2.12, after: "before"},
	"16-drain":                 {until: 4.5, after: "draining", during: []happening{{2.44, "", exits(0, "grp")}, {3.443, "", exits(0, "cmd-1")}}},
	"19-executor-exit-codes":   {until: 0.9, after: "down", without: nock},
}

// unplayed are the recordings in which nothing is said that would be here, or something else than ours has to say, with where
// the test is of what ours does, or why it differs.
var unplayed = map[string]string{
	"5-reconfigure": "the policies and the words of refusals are tested in slave/recovery",
	"6-boot-id": "the machine was not really started anew. Executors of before that ours kills as orphans, as Mesos's Linux launcher " +
		"does, went on, because its posix launcher could not find them",
	"7-corrupt-checkpoints": "no conversation, but a table: slave/checkpoint and slave/recovery test all kinds of damage",
}

// Every recording is played, or it is known why not.
func TestAllAreKnown(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(recoveryFile(t, "*-wire-timeline.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), "-wire-timeline.txt")
		played := slices.ContainsFunc(situations, func(s situation) bool { return s.name == name })
		if played == (unplayed[name] != "") {
			t.Errorf("%s is played: %t, or has a reason: %q", name, played, unplayed[name])
		}
	}
}

// An agent that finds what a C++ agent has left says and writes what that has said and written when it was started again.
func TestSituations(t *testing.T) {
	t.Parallel()
	for _, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.play(t)
		})
	}
}

// An agent that finds nothing says and writes what a C++ agent has said and written, until it is killed and started again, and then.
func TestSituationsFromTheBeginning(t *testing.T) {
	t.Parallel()
	for name, first := range beginnings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(situations, func(s situation) bool { return s.name == name })
			s := situations[i]
			s.before, s.lives = nothing, append([]life{first}, s.lives...)
			s.play(t)
		})
	}
}

func (s situation) play(t *testing.T) {
	p := newPlayer(t, s)
	for _, l := range s.lives {
		p.live(l)
	}
}
