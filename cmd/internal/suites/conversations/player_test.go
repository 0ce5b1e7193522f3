package conversations

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/messages/evolve"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/pb/v1/agentv1pb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/runtime/web"
	"meseta/slave"
	"meseta/slave/slavetest"
	"meseta/slave/slavetest/recording"
)

// Where everybody was in the recordings.
const (
	theirPort   = "5051"
	theirAgent  = "slave(1)@127.0.0.1:5051"
	theirMaster = "master@127.0.0.1:5050"
	theirWork   = "/var/lib/mesos/a"
)

// voice is an actor that says what it is told to, and has no opinion on what it hears.
type voice struct{ runtime.Actor }

// Initialize does nothing.
func (*voice) Initialize() {}

// said is something that an agent says: a message, an event of a stream, or an answer.
type said struct {
	at     time.Duration // of the recording, since the life began
	really time.Duration // in this world; different if something was waited for
	what   proto.Message
	text   string // if what is nil
}

// player plays everybody but the agent in a recorded conversation. It says what they have said, when they have said it, but
// never before the agent has said what they answer.
type player struct {
	*sim.World
	t          *testing.T
	dir        string // in place of theirWork
	config     slave.Config
	node       *runtime.Node
	system     *slavetest.System
	containers *recordedContainers
	voices     map[string]runtime.Ref[*voice]
	nodes      map[string]*runtime.Node // of voices
	drivers    map[ids.Executor]string  // PIDs of executors with a driver
	situation  situation
	tree       recording.Tree // the latest that was read

	recorded []recording.Message
	began    time.Time
	late     time.Duration // by how much the recorded times are behind those of this world, because of what was waited for
	paused   bool
	waiting  []recording.Message // said while the agent was stopped
	calls    map[string]runtime.Future[*web.Response]
	asked    map[string]*agentv1pb.Call // by port
	streams  map[string]*web.Stream
	theirs   map[string][]said // by whom it is said to
	ours     map[string][]said
	uuids    *uuidBook
}

// newPlayer reads a recorded conversation.
func newPlayer(t *testing.T, s situation) *player {
	t.Helper()
	all, err := recording.ReadConversation(recoveryFile(t, s.name+"-wire-timeline.txt"))
	if err != nil {
		t.Fatal(err)
	}
	p := &player{
		World: sim.New(1), t: t, dir: t.TempDir(), system: &slavetest.System{}, recorded: all,
		containers: &recordedContainers{
			Containers: &slavetest.Containers{Immortal: true}, pids: map[ids.Container]uint32{}, recorded: map[ids.Executor]ids.Container{},
			nested: map[string]uint32{}, forked: map[ids.Executor]string{}, early: map[string]bool{},
		},
		voices: map[string]runtime.Ref[*voice]{}, nodes: map[string]*runtime.Node{}, uuids: newUUIDBook(), drivers: map[ids.Executor]string{},
	}
	t.Cleanup(func() { runtimetest.End(t, p.World) })
	p.config = slave.Defaults()
	master, _ := runtime.ParsePID(theirMaster)
	p.config.Detector, p.config.WorkDir, p.config.Hostname = election.NewStandalone(election.MasterInfo(master)), p.dir, "localhost"
	p.config.Attributes, p.config.Resources = "rack:r1;zone:z1", "cpus:4;mem:4096;disk:8192;ports:[31000-32000]"
	p.config.LauncherDir, p.config.Containerizer, p.config.System = "/usr/local/libexec/mesos", p.containers, p.system
	p.config.Disk = disk.Local{}
	p.config.Fatal = func(err error) { t.Errorf("the agent ends: %v", err) }
	p.voice(theirMaster)
	p.Intercept(p.hear)
	p.situation = s
	switch s.before {
	case nothing:
		var tree recording.Tree
		if after := s.lives[0].after; after != "" {
			tree = p.readTree(after)
		}
		p.begins(tree)
	case "":
		p.left(before(p.readTree(s.lives[0].after)))
	default:
		p.tree = p.readTree(s.before)
		p.left(p.tree)
	}
	return p
}

// recoveryFile finds a recording; the test is skipped where there are none.
func recoveryFile(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("MESETA_SHARED")
	if dir == "" {
		dir = "../../../../../shared"
	}
	file := filepath.Join(dir, "golden/recovery", name)
	if _, err := os.Stat(file); err != nil {
		t.Skip("the recordings are not here: ", err)
	}
	return file
}

// voice returns the actor that speaks for a PID.
func (p *player) voice(text string) runtime.Ref[*voice] {
	p.t.Helper()
	if v, ok := p.voices[text]; ok {
		return v
	}
	pid, err := runtime.ParsePID(text)
	if err != nil {
		p.t.Fatal(err)
	}
	if p.nodes[pid.Addr] == nil {
		p.nodes[pid.Addr] = p.Node(pid.Addr)
	}
	v, err := runtime.Spawn(p.nodes[pid.Addr], pid.ID, &voice{})
	if err != nil {
		p.t.Fatal(err)
	}
	p.voices[text] = v
	return v
}

// hear notes what the agent sends to those who are there.
func (p *player) hear(e runtime.Envelope) sim.Verdict {
	if _, there := p.voices[e.To.String()]; there && e.From.String() == theirAgent {
		p.say(e.To.String(), said{what: e.Message})
	}
	return sim.Pass
}

func (p *player) say(to string, s said) {
	s.really = p.Now().Sub(p.began)
	s.at = s.really - p.late
	p.uuids.note(s.what, true)
	p.ours[to] = append(p.ours[to], s)
}

// life is a part of a recorded conversation in which the agent lives.
type life struct {
	from, until float64       // seconds of the recording; the agent is started, and killed
	after       string        // the tree that it leaves; empty means that there is none
	prepare     func(*player) // what happened before it
	during      []happening
	without     string    // what is in messages that are left out
	unsaid      []float64 // seconds of the recording: when the recorded agent has said something that ours does not say
}

// happening is what happens at some time, and is no message: something is looked at, or ends.
type happening struct {
	at   float64 // seconds of the recording
	tree string  // what the agent has written by then; empty means that it is not looked at
	what func(*player)
}

// live starts an agent and plays the conversation of its life.
func (p *player) live(l life) {
	p.t.Helper()
	p.calls, p.asked, p.streams = map[string]runtime.Future[*web.Response]{}, map[string]*agentv1pb.Call{}, map[string]*web.Stream{}
	p.theirs, p.ours, p.late = map[string][]said{}, map[string][]said{}, 0
	if l.prepare != nil {
		l.prepare(p)
	}
	p.began = p.Now()
	agent, _ := runtime.ParsePID(theirAgent)
	p.node = p.Node(agent.Addr)
	if _, err := slave.Spawn(p.node, p.config); err != nil {
		p.t.Fatal(err)
	}
	from, during := seconds(l.from), l.during
	for _, m := range p.recorded {
		if m.At < from || m.At >= seconds(l.until) || l.without != "" && m.Body != nil && strings.Contains(prototext.Format(m.Body), l.without) {
			continue
		}
		for len(during) > 0 && seconds(during[0].at) <= m.At {
			p.happens(during[0], from)
			during = during[1:]
		}
		if i := slices.Index(l.unsaid, m.At.Seconds()); i >= 0 && m.Sender() == theirAgent {
			l.unsaid = slices.Delete(slices.Clone(l.unsaid), i, i+1)
			continue
		}
		p.play(m, m.At-from)
	}
	if len(l.unsaid) > 0 {
		p.t.Errorf("nothing was recorded at %v", l.unsaid)
	}
	for _, h := range during {
		p.happens(h, from)
	}
	p.pass(seconds(l.until) - from)
	p.same()
	if l.after != "" {
		p.written(l.after)
	}
	p.Kill(agent.Addr)
	p.Advance(time.Second) // so that the others notice
}

func (p *player) happens(h happening, from time.Duration) {
	p.t.Helper()
	p.pass(seconds(h.at) - from)
	if h.tree != "" {
		p.written(h.tree)
	}
	if h.what != nil {
		h.what(p)
	}
}

// pass lets the time of the recording pass.
func (p *player) pass(at time.Duration) {
	const tick = 5 * time.Millisecond
	for {
		p.poll()
		left := at + p.late - p.Now().Sub(p.began)
		if left <= 0 {
			return
		}
		p.Advance(min(left, tick))
	}
}

// play says what another has said, or notes what the agent has said.
func (p *player) play(m recording.Message, at time.Duration) {
	switch to, ok := byAgent(m); {
	case ok:
		p.uuids.note(m.Body, false)
		p.ended(m, at)
		p.theirs[to] = append(p.theirs[to], said{at: at, what: m.Body, text: answerText(m)})
	case m.To == theirPort && m.Path() != "" && p.paused:
		p.waiting = append(p.waiting, m)
	case m.To == theirPort && m.Path() != "":
		p.await(m, at)
		p.deliver(m)
		p.poll()
	}
}

// pause stops the agent, or lets it go on. Its timers come first then, as was recorded, and then what was said meanwhile.
func (p *player) pause(stopped bool) {
	agent, _ := runtime.ParsePID(theirAgent)
	if p.paused = stopped; stopped {
		p.World.Pause(agent.Addr)
		return
	}
	p.Resume(agent.Addr)
	p.Settle()
	for _, m := range p.waiting {
		p.deliver(m)
	}
	p.waiting = nil
}

// byAgent returns to whom an agent has said a message, if it has and if it is worth comparing.
func byAgent(m recording.Message) (to string, ok bool) {
	switch {
	case m.Sender() == theirAgent:
		actor, _, _ := strings.Cut(strings.TrimPrefix(m.Path(), "/"), "/")
		return actor + "@127.0.0.1:" + m.To, true
	case m.From == theirPort && strings.HasPrefix(m.Line, "event "):
		return "stream " + m.To, true
	case m.From == theirPort && m.Status() != 0:
		return "answer " + m.To, m.Body != nil || m.Text != ""
	}
	return "", false
}

// answerText returns a recorded answer without a message, or "".
func answerText(m recording.Message) string {
	if m.Body != nil {
		return ""
	}
	_, text, _ := strings.Cut(m.Text, ") b'")
	return strings.TrimPrefix(m.Line, "HTTP/1.1 ") + ": " + strings.TrimSuffix(text, "'")
}

// ended ends the nested container of which an answer says how it has ended.
func (p *player) ended(m recording.Message, at time.Duration) {
	r, ok := m.Body.(*agentv1pb.Response)
	if call := p.asked[m.To]; ok && r.GetType() == agentv1pb.Response_WAIT_NESTED_CONTAINER && call != nil {
		p.pass(at)
		id := ids.ContainerOf(evolve.Devolve[mesospb.ContainerID](call.GetWaitNestedContainer().GetContainerId()))
		p.containers.EndWith(id, &slavepb.ContainerTermination{Status: r.GetWaitNestedContainer().ExitStatus})
		p.Settle()
		p.poll()
	}
}

// await waits until the agent has said to the sender what it had said before the message. What the master says comes as soon
// after that as it has come in the recording, because agents register after a random delay.
func (p *player) await(m recording.Message, at time.Duration) {
	to, said := m.Sender(), len(p.theirs[m.Sender()])
	if to != theirMaster || said == 0 {
		p.pass(at)
	}
	left := max(0, at+p.late-p.Now().Sub(p.began)) + 2*time.Second
	if p.RunUntil(func() bool { return len(p.ours[to]) >= said }, left) && to == theirMaster && said > 0 {
		p.late = p.ours[to][said-1].really - p.theirs[to][said-1].at
	}
	p.pass(at)
}

// deliver says what another has said.
func (p *player) deliver(m recording.Message) {
	p.t.Helper()
	body := proto.Clone(m.Body)
	p.uuids.translate(body)
	if m.Sender() == "" {
		p.call(m, body)
		return
	}
	agent, _ := runtime.ParsePID(theirAgent)
	runtime.Tell(p.voice(m.Sender()), func(v *voice) { v.Send(agent, body) })
}
