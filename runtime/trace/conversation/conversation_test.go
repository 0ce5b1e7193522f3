package conversation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meseta/runtime/trace/conversation"
)

const (
	x = "000000000000000a" // nodes
	y = "000000000000000b"
)

var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// event is one record; at is in milliseconds.
func event(node string, seq int, cause string, at int, kind, what, from, to, name string) conversation.Record {
	return conversation.Record{
		ID: id(node, seq), Cause: cause, Time: epoch.Add(time.Duration(at) * time.Millisecond), Event: kind, What: what, From: from, To: to,
		Name: name, About: []string{"task:t"},
	}
}

func id(node string, seq int) string { return fmt.Sprintf("%s%016x", node, seq) }

func TestAnEventMayBeAnywhereOnItsWay(t *testing.T) {
	t.Parallel()
	message := []string{"message", "a@1.1.1.1:1", "b@1.1.1.2:1", "p.M"}
	at := func(node string, seq int, cause string, ms int, kind string) conversation.Record {
		return event(node, seq, cause, ms, kind, message[0], message[1], message[2], message[3])
	}
	sent, queued, begun := at(x, 1, "", 0, "send"), at(y, 1, id(x, 1), 5, "enqueue"), at(y, 2, id(y, 1), 7, "deliver")
	over, dropped := begun, at(x, 2, id(x, 1), 9, "drop")
	over.Took, dropped.Note = int64(time.Second), "the peer is gone"
	again := at(x, 7, "", 60, "send")
	again.Text = sent.Text
	for name, test := range map[string]struct {
		records []conversation.Record
		want    string
	}{
		"handled":      {[]conversation.Record{over, queued, sent}, "  0.000000  a → b  M  [arrived after 5ms, waited 2ms, took 1s]\n"},
		"in its turn":  {[]conversation.Record{sent, queued, begun}, "  0.000000  a → b  M  [arrived after 5ms, waited 2ms, its turn is not over]\n"},
		"waiting":      {[]conversation.Record{sent, queued}, "  0.000000  a → b  M  [arrived after 5ms, WAITS in the queue]\n"},
		"on its way":   {[]conversation.Record{sent}, "  0.000000  a → b  M  [not seen to arrive]\n"},
		"lost":         {[]conversation.Record{sent, dropped}, "  0.000000  a → b  M  [DROPPED: the peer is gone]\n"},
		"its end only": {[]conversation.Record{over}, "  0.000000  a → b  M  [took 1s]\n"},
		"twice": {[]conversation.Record{sent, dropped, again},
			"  0.000000  a → b  M  [DROPPED: the peer is gone]\n  0.060000  a → b  M  [AGAIN, time 2, not seen to arrive]\n"},
		"told by two nodes":             {[]conversation.Record{sent, sent, dropped, dropped}, "  0.000000  a → b  M  [DROPPED: the peer is gone]\n"},
		"in a request that is left out": {[]conversation.Record{event(y, 3, id(y, 2), 8, "hear", "", "", "b@1.1.1.2:1", "p.M")}, "  0.000000  b  M\n"},
		"none":                          {nil, ""},
	} {
		if got := conversation.Build(test.records).Text(); got != test.want {
			t.Errorf("%s: got\n%swant\n%s", name, got, test.want)
		}
	}
}

// An update that a master did not get is said again to the next one. Other messages to two actors of the same id are two.
func TestUpdatesAreSaidAgainToAnotherNode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"t TASK_FINISHED #918cb6c2": "  0.000000  slave → master@1.1.1.2:1  Update t TASK_FINISHED #918cb6c2  [not seen to arrive]\n" +
			"  0.001000  slave → master@1.1.1.3:1  Update t TASK_FINISHED #918cb6c2  [AGAIN, time 2, not seen to arrive]\n",
		"t": "  0.000000  slave → master@1.1.1.2:1  Update t  [not seen to arrive]\n  0.001000  slave → master@1.1.1.3:1  Update t  [not seen to arrive]\n",
	} {
		var records []conversation.Record
		for i, to := range []string{"master@1.1.1.2:1", "master@1.1.1.3:1"} {
			r := event(x, i+1, "", i, "send", "", "slave@1.1.1.1:1", to, "p.Update")
			r.Text = text
			records = append(records, r)
		}
		if got := conversation.Build(records).Text(); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	}
}

// What a peer says that tells nothing itself is below what it was told about the same, and an acknowledgement below what it acknowledges.
// One node alone does not know what arrived at others.
func TestWhatUnseenPeersSayIsPlaced(t *testing.T) {
	t.Parallel()
	const agent, peer = "slave@1.1.1.1:1", "executor@1.1.1.2:1"
	seq := 0
	say := func(from, to, name, text string, about ...string) conversation.Record {
		seq++
		kind, what, cause := "send", "", ""
		if from == peer {
			kind, what, cause = "enqueue", "message", id(y, seq)
		}
		r := event(x, seq, cause, seq, kind, what, from, to, name)
		r.Text, r.About = text, about
		return r
	}
	lost := say(agent, peer, "Lost", "", "task:t")
	lost.Event, lost.What, lost.Note = "drop", "message", "the peer is gone"
	records := []conversation.Record{
		lost,
		say("master@1.1.1.3:1", agent, "Launch", "", "task:t", "framework:f"),
		say(peer, agent, "Register", "", "executor:t", "framework:f"),
		say(agent, peer, "Run", "", "task:t", "framework:f"),
		say(agent, peer, "Run", "", "task:u", "framework:f"),
		say(peer, agent, "Update", "#1", "task:t", "framework:f"),
		say(agent, peer, "Acknowledge", "#1", "task:t", "framework:f"),
		say(peer, agent, "Update", "#2", "task:t", "framework:f"),
		say(peer, agent, "Acknowledged", "#1", "task:t", "framework:f"),
		say(peer, agent, "Hello", "", "framework:f"),
	}
	want := `  0.000000  slave → executor  Lost  [DROPPED: the peer is gone]
  0.001000  master → slave  Launch  [not seen to arrive]
  0.002000    executor → slave  Register  [cause not seen, WAITS in the queue]
  0.003000  slave → executor  Run  [not seen to arrive]
  0.005000    executor → slave  Update #1  [cause not seen, WAITS in the queue]
  0.007000    executor → slave  Update #2  [cause not seen, WAITS in the queue]
  0.004000  slave → executor  Run  [not seen to arrive]
  0.006000  slave → executor  Acknowledge #1  [not seen to arrive]
  0.008000    executor → slave  Acknowledged #1  [cause not seen, WAITS in the queue]
  0.009000  executor → slave  Hello  [WAITS in the queue]
`
	if diff := cmp.Diff(want, conversation.Build(records).Text()); diff != "" {
		t.Error(diff)
	}
	alone := strings.NewReplacer("cause not seen", "cause on another node", "not seen to arrive", "to another node").Replace(want)
	if diff := cmp.Diff(alone, conversation.Build(records).Alone().Text()); diff != "" {
		t.Error(diff)
	}
	elsewhere := event(y, 99, "", 99, "spawn", "", "", "z@1.1.1.9:1", "")
	if got := conversation.Build(append(records, elsewhere)).Alone().Text(); strings.Contains(got, "another node") {
		t.Errorf("two nodes were asked: %s", got)
	}
}

// What an actor says first that began by itself is below what may have started it, also when its start is left out.
func TestWhatStartedAnActorIsGuessed(t *testing.T) {
	t.Parallel()
	about := func(r conversation.Record, about ...string) conversation.Record { r.About = about; return r }
	const master, agent, executor = "master@1.1.1.3:1", "slave@1.1.1.1:1", "executor@1.1.1.2:1"
	all := []conversation.Record{
		event(x, 1, "", 1, "send", "", master, agent, "Run"),
		event(x, 2, id(x, 1), 2, "enqueue", "message", master, agent, "Run"),
		about(event(y, 1, "", 3, "spawn", "", "", executor, "")),
		about(event(y, 2, id(y, 1), 4, "deliver", "start", "", executor, "")),
		about(event(y, 3, id(y, 2), 5, "send", "", executor, agent, "Register"), "executor:t", "framework:f"),
		about(event(y, 4, id(y, 2), 6, "send", "", executor, agent, "Hello"), "framework:f"),
	}
	want := "  0.000000  master → slave  Run  [arrived after 1ms, WAITS in the queue]\n" +
		"  0.004000    executor → slave  Register  [cause not seen, not seen to arrive]\n"
	got := conversation.Build(all).Select(conversation.Choice{Message: "R*"}).Text()
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	forgotten := all[4]
	forgotten.Cause = id(y, 9)
	if got := conversation.Build(append(all[:4:4], forgotten)).Select(conversation.Choice{Message: "R*"}).Text(); strings.Contains(got, "cause not seen") {
		t.Errorf("what led to it was forgotten: %s", got)
	}
}

// What a client that looks at its stream by a timer, again and again, passes on is below what was said there, and nothing else is.
func TestWhatIsReadByATimerIsBelowWhatWasSaid(t *testing.T) {
	t.Parallel()
	const master, door, client = "master@1.1.1.1:1", "http@1.1.1.1:1", "driver@1.1.1.2:1"
	says := func(seq, cause, at int, kind, from, to, text string) conversation.Record {
		r := event(x, seq, "", at, kind, "", from, to, "Event")
		if r.Text = text; cause != 0 {
			r.Cause = id(x, cause)
		}
		return r
	}
	looks := func(seq, cause, at int) conversation.Record {
		r := says(seq, cause, at, "deliver", "", door, "")
		r.What, r.Name, r.Took = "timer", "read", 1
		return r
	}
	got := conversation.Build([]conversation.Record{
		says(1, 0, 0, "say", master, "client", "UPDATE #1"),
		says(2, 0, 0, "say", master, "client", "UPDATE #2"),
		looks(3, 0, 10), says(4, 3, 10, "send", door, client, "UPDATE #1"),
		looks(5, 3, 20), says(6, 5, 20, "send", door, client, "UPDATE #2"),
		looks(7, 5, 30), says(8, 7, 30, "send", door, client, "OFFERS"),
		looks(9, 0, -10), says(10, 9, -10, "send", door, client, "UPDATE #1"),
	}).Select(conversation.Choice{About: "task:t"}).Text()
	want := `  0.000000  http  timer read
  0.000000    http → driver  Event UPDATE #1  [not seen to arrive]
  0.010000  master → client  Event UPDATE #1
  0.020000    http  timer read  [cause not seen]
  0.020000      http → driver  Event UPDATE #1  [AGAIN, time 2, not seen to arrive]
  0.010000  master → client  Event UPDATE #2
  0.030000    http  timer read  [cause not seen]
  0.030000      http → driver  Event UPDATE #2  [not seen to arrive]
  0.040000      http  timer read
  0.040000        http → driver  Event OFFERS  [not seen to arrive]
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A clock that is an hour late does not bring an answer before its question.
func TestClocksAreCorrected(t *testing.T) {
	t.Parallel()
	late := -3600_000
	c := conversation.Build([]conversation.Record{
		event(x, 1, "", 1000, "send", "", "a@1.1.1.1:1", "b@1.1.1.2:1", "Question"),
		event(y, 1, id(x, 1), 1002+late, "enqueue", "message", "a@1.1.1.1:1", "b@1.1.1.2:1", "Question"),
		event(y, 2, id(y, 1), 1003+late, "deliver", "message", "a@1.1.1.1:1", "b@1.1.1.2:1", "Question"),
		event(y, 3, id(y, 2), 1004+late, "send", "", "b@1.1.1.2:1", "a@1.1.1.1:1", "Answer"),
		event(x, 2, id(y, 3), 1009, "enqueue", "message", "b@1.1.1.2:1", "a@1.1.1.1:1", "Answer"),
	})
	want := "  0.000000  a → b  Question  [waited 1ms, its turn is not over]\n  0.002000    b → a  Answer  [arrived after 7ms, WAITS in the queue]\n"
	if got := c.Text(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := c.Skew["1.1.1.2:1"]; got != time.Hour-2*time.Millisecond {
		t.Errorf("the clock was corrected by %v", got)
	}
}

// What is not asked for is left out, except for what connects the rest.
func TestSelect(t *testing.T) {
	t.Parallel()
	step := func(seq int, cause int, kind, what, name string, about ...string) conversation.Record {
		r := event(x, seq, "", seq, kind, what, "", "a@1.1.1.1:1", name)
		if cause != 0 {
			r.Cause = id(x, cause)
		}
		r.About = about
		return r
	}
	all := []conversation.Record{
		step(1, 0, "deliver", "timer", "tick"),
		step(2, 1, "deliver", "call", "compute"),
		step(3, 2, "deliver", "message", "Run", "task:t", "agent:g"),
		step(4, 3, "deliver", "call", "look up"),
		step(5, 4, "deliver", "timer", "retry"),
		step(6, 5, "deliver", "message", "Done", "task:t"),
		step(7, 6, "deliver", "message", "Other", "task:u"),
		step(8, 0, "deliver", "request", "GET /a/state?b=tick"),
	}
	for i := range all {
		all[i].Took = 1
	}
	for _, test := range []struct {
		choice conversation.Choice
		want   string
	}{
		{conversation.Choice{About: "task:t"}, "timer tick/Run/timer retry/Done"},
		{conversation.Choice{About: "task:t", All: true}, "timer tick/call compute/Run/call look up/timer retry/Done"},
		{conversation.Choice{About: "agent:g"}, "timer tick/Run"},
		{conversation.Choice{About: "task:t", Message: "D*"}, "timer retry/Done"},
		{conversation.Choice{Message: "GET *"}, "GET /a/state?b=tick"},
		{conversation.Choice{Message: "*st?te"}, "GET /a/state?b=tick"},
		{conversation.Choice{Message: "GET /[a-c]/*"}, "GET /a/state?b=tick"},
		{conversation.Choice{Message: "GET [^/]*"}, ""},
		{conversation.Choice{Message: "*tick"}, "timer tick"},
		{conversation.Choice{Actor: "b*"}, ""},
		{conversation.Choice{About: "task"}, ""},
	} {
		var words []string
		for s := range conversation.Build(all).Select(test.choice).Steps {
			words = append(words, s.Words())
		}
		if got := strings.Join(words, "/"); got != test.want {
			t.Errorf("%+v selects %q; want %q", test.choice, got, test.want)
		}
	}
}

// Records that contradict each other, as a hostile peer may send them, make no circle.
func TestCirclesOfCauses(t *testing.T) {
	t.Parallel()
	var all []conversation.Record
	for seq := range 9 {
		all = append(all, event(x, seq, id(x, (seq+1)%9), 1, []string{"send", "enqueue", "deliver"}[seq%3], "message", "", "a@1.1.1.1:1", "M"))
	}
	if got := conversation.Build(all).Text(); got == "" {
		t.Error("nothing is shown")
	}
}

func TestWhatPeersSayIsEscaped(t *testing.T) {
	t.Parallel()
	r := event(x, 1, "", 0, "send", "", `<a"@1.1.1.1:1`, "b;@1.1.1.1:2", "M")
	r.Text = "<script>\n#;"
	c := conversation.Build([]conversation.Record{r})
	for name, text := range map[string]string{"SVG": c.SVG(), "HTML": c.HTML("</title><script>")} {
		if strings.Contains(text, "<script>\n#") || strings.Contains(text, "</title><script>") || strings.Contains(text, `<a"`) {
			t.Errorf("%s is not escaped: %s", name, text)
		}
	}
	if got := c.Mermaid(); strings.Count(got, "\n") != 4 || strings.Contains(got, ";;") {
		t.Errorf("Mermaid is not escaped: %s", got)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	r := event(x, 1, "", 0, "send", "", "a@1.1.1.1:1", "b@1.1.1.1:2", "M")
	if got, err := conversation.Parse(append(r.AppendLine(nil), '\n')); err != nil || len(got) != 1 || got[0].ID != r.ID || !got[0].Time.Equal(r.Time) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"<html>", "{}", `{"id":"x","event":"send"}`, "[]"} {
		if _, err := conversation.Parse([]byte("\n" + bad)); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
