package blackbox

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"meseta/actors/election/zookeepertest"
)

// What our programs say to ZooKeeper, message by message, beside what was recorded of C++ ones. Sessions, users, paths, data,
// rights, kinds of nodes and watches have to be the same, and what each recorded session said first, or said last, has to be said
// in the same order; every difference is in a list, with its reason. How often something is said is not compared: that depends on
// who comes first. Ours have one session, where a C++ master has four, and children are asked for with request 12, which is 8
// with an answer that tells about the node, too.

// situation is a part of a recording, and what ours say in it.
type situation struct {
	name     string
	recorded func(*zooRecording) [][]string // what each session said
	ours     func(*zooCluster) []string
}

// zooDifferences has the reason for each message that is not said by ours, or only by ours.
var zooDifferences = map[string]string{
	"the first master: not > exists /mesos/log_replicas watch=0":                                                              oneRegistry,
	"the first master: not > create /mesos/log_replicas data= acl=RIGHTS flags=0 (persistent)":                                oneRegistry,
	"the first master: not > create /mesos/log_replicas/ data=log-replica(1)@MASTER acl=RIGHTS flags=3 (ephemeral sequence)":  oneRegistry,
	"the first master: not > getChildren /mesos/log_replicas watch=1":                                                         oneRegistry,
	"the first master: not > getData /mesos/log_replicas/N watch=0":                                                           oneRegistry,
	"the second master: not > exists /mesos/log_replicas watch=0":                                                             oneRegistry,
	"the second master: not > create /mesos/log_replicas/ data=log-replica(1)@MASTER acl=RIGHTS flags=3 (ephemeral sequence)": oneRegistry,
	"the second master: not > getChildren /mesos/log_replicas watch=1":                                                        oneRegistry,
	"the second master: not > getData /mesos/log_replicas/N watch=0":                                                          oneRegistry,
	"the second master, when the first is dead: not > getChildren /mesos/log_replicas watch=1":                                oneRegistry,
	"the second master, when the first is dead: not > getData /mesos/log_replicas/N watch=0":                                  oneRegistry,
	"the second master, when the first is dead: more > exists /mesos watch=0":                                                 eachRound,
	"an agent, when the first master is dead: more > exists /mesos watch=0":                                                   eachRound,
}

const (
	oneRegistry = "with --quorum=1 ours keep a registry each, and share none"
	eachRound   = "whatever happens, the path is made again if somebody has removed it"
)

var situations = []situation{
	{"the first master", func(r *zooRecording) [][]string { return r.said(0, 1, 0, 1) }, func(c *zooCluster) []string { return c.first.all() }},
	{"the second master", func(r *zooRecording) [][]string { return r.said(1.1, 1.3, 0, 2.6) }, func(c *zooCluster) []string { return c.second.until }},
	{"an agent", func(r *zooRecording) [][]string { return r.said(2.7, 2.8, 0, r.death()) }, func(c *zooCluster) []string { return c.agent.until }},
	{"a scheduler", func(r *zooRecording) [][]string { return r.said(2.9, 3.5, 0, r.death()) }, func(c *zooCluster) []string { return c.scheduler.until }},
	{
		"the second master, when the first is dead", func(r *zooRecording) [][]string { return r.said(1.1, 1.3, r.death(), r.death()+11) },
		func(c *zooCluster) []string { return c.second.since },
	},
	{
		"an agent, when the first master is dead", func(r *zooRecording) [][]string { return r.said(2.7, 2.8, r.death(), r.death()+11) },
		func(c *zooCluster) []string { return c.agent.since },
	},
}

func TestWhatIsSaidToZooKeeper(t *testing.T) {
	t.Parallel()
	for _, run := range []struct{ name, user, rights string }{
		{"1-plain", "", "world:anyone:31"}, {"2-digest", "user:pass@", "world:anyone:1,auth::31"},
	} {
		t.Run(run.name, func(t *testing.T) {
			t.Parallel()
			recording := readZooRecording(t, shared(t, "golden/zookeeper/"+run.name+"-zk-timeline.txt"))
			cluster := startZooCluster(t, run.user)
			var found []string
			for _, s := range situations {
				theirs, ours := s.recorded(recording), s.ours(cluster)
				if len(theirs) == 0 {
					t.Errorf("%s: nothing was recorded", s.name)
				}
				for _, difference := range compareWords(theirs, ours) {
					found = append(found, s.name+": "+strings.ReplaceAll(difference, "acl="+run.rights+" ", "acl=RIGHTS "))
				}
			}
			slices.Sort(found)
			if want := slices.Sorted(maps.Keys(zooDifferences)); !slices.Equal(found, want) {
				t.Errorf("differences:\n%s\nwant\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// compareWords returns what is said by one side only, and the sessions whose last words are in another order.
func compareWords(theirs [][]string, ours []string) (differences []string) {
	all := slices.Concat(theirs...)
	for _, side := range []struct {
		what      string
		said, not []string
	}{{"not", all, ours}, {"more", ours, all}} {
		for _, line := range slices.Compact(slices.Sorted(slices.Values(side.said))) {
			if !slices.Contains(side.not, line) {
				differences = append(differences, side.what+" "+line)
			}
		}
	}
	for _, session := range theirs {
		session = slices.DeleteFunc(slices.Clone(session), func(line string) bool { return !slices.Contains(ours, line) })
		if !isPartOf(firstWords(session), ours) && !isPartOf(lastWords(session), ours) {
			differences = append(differences, "another order than "+strings.Join(session, ", "))
		}
	}
	return differences
}

// firstWords returns lines without repetitions.
func firstWords(lines []string) (first []string) {
	for _, line := range lines {
		if !slices.Contains(first, line) {
			first = append(first, line)
		}
	}
	return first
}

// lastWords returns lines without those that are repeated later.
func lastWords(lines []string) []string {
	lines = slices.Clone(lines)
	slices.Reverse(lines)
	last := firstWords(lines)
	slices.Reverse(last)
	return last
}

// isPartOf reports whether all lists what part does, in that order.
func isPartOf(part, all []string) bool {
	for _, line := range part {
		at := slices.Index(all, line)
		if at < 0 {
			return false
		}
		all = all[at+1:]
	}
	return true
}

// zooRecording is the protocol of the clients of a recorded ZooKeeper, without those of the recorder.
type zooRecording struct {
	clients []string // in the order in which they connected
	lines   map[string][]zooLine
}

type zooLine struct {
	at   float64 // s
	text string
}

var (
	zooLines  = regexp.MustCompile(`(?m)^ *([0-9.]+)  (\d+) (> .*)$`)
	zooNumber = regexp.MustCompile(`\b\d{10}\b|_\d{10}\b`)
	zooXid    = regexp.MustCompile(`xid=-?\d+ `)
	zooMaster = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	zooPort   = regexp.MustCompile(`"port":\d+`)
)

func readZooRecording(t *testing.T, path string) *zooRecording {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, recorders := &zooRecording{lines: map[string][]zooLine{}}, map[string]bool{}
	for _, m := range zooLines.FindAllStringSubmatch(string(text), -1) {
		at, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(r.clients, m[2]) {
			r.clients = append(r.clients, m[2])
		}
		r.lines[m[2]] = append(r.lines[m[2]], zooLine{at, plainWords(m[3])})
		recorders[m[2]] = recorders[m[2]] || strings.Contains(m[3], " getACL ")
	}
	r.clients = slices.DeleteFunc(r.clients, func(c string) bool { return recorders[c] })
	return r
}

// plainWords is a message without what differs from run to run.
func plainWords(line string) string {
	for _, replace := range []struct {
		what *regexp.Regexp
		by   string
	}{{zooXid, ""}, {uuid, "ID"}, {zooMaster, "MASTER"}, {zooPort, `"port":PORT`}} {
		line = replace.what.ReplaceAllString(line, replace.by)
	}
	return zooNumber.ReplaceAllStringFunc(line, func(n string) string { return strings.TrimRight(n, "0123456789") + "N" })
}

// said returns what was said, in a part of the time, in each session that began in another one; in seconds.
func (r *zooRecording) said(began, before, from, to float64) (sessions [][]string) {
	for _, c := range r.clients {
		if first := r.lines[c][0].at; first < began || first >= before {
			continue
		}
		var said []string
		for _, l := range r.lines[c] {
			if l.at >= from && l.at < to && l.text != "> (FIN)" {
				said = append(said, l.text)
			}
		}
		sessions = append(sessions, said)
	}
	return sessions
}

// death is when the first master was killed.
func (r *zooRecording) death() float64 {
	lines := r.lines[r.clients[0]]
	return lines[len(lines)-1].at
}

// zooCluster is what ours said to a ZooKeeper.
type zooCluster struct{ first, second, agent, scheduler *zooTap }

// startZooCluster does what was recorded: a master, another one, an agent, a scheduler; the first master is killed.
func startZooCluster(t *testing.T, user string) *zooCluster {
	t.Helper()
	server := zookeepertest.Start(t)
	server.Session() // it answers
	c := &zooCluster{first: tapZoo(t, server), second: tapZoo(t, server), agent: tapZoo(t, server), scheduler: tapZoo(t, server)}
	place := func(tap *zooTap) string { return "zk://" + user + tap.address + "/mesos" }
	one := startRival(t, place(c.first))
	one.awaits("elected as the leading master")
	two := startRival(t, place(c.second))
	two.awaits("another master leads")
	agent := startAgent(t, "0", place(c.agent), t.TempDir())
	agent.awaits("] registered ")
	scheduler := execute(t, place(c.scheduler), "one", "sleep 1000", "--checkpoint")
	scheduler.awaits("TASK_RUNNING for task 'one'")
	for _, tap := range []*zooTap{c.second, c.agent, c.scheduler} {
		tap.until = tap.all()
	}
	one.kill()
	two.awaits("elected as the leading master")
	agent.awaits("] re-registered ")
	for _, tap := range []*zooTap{c.second, c.agent} {
		tap.since = tap.all()[len(tap.until):]
	}
	scheduler.kill()
	return c
}

// zooTap stands between a process and a server, and writes down what the process says, as in the recordings.
type zooTap struct {
	address      string
	until, since []string // what was said before and after the first master was killed

	mu   sync.Mutex
	said []string
}

func tapZoo(t *testing.T, server *zookeepertest.Server) *zooTap {
	t.Helper()
	tap := &zooTap{}
	port, lead := passOn(t, func(net.Conn) io.Writer { return &zooListener{tap: tap} })
	lead(server.Address)
	tap.address = "127.0.0.1:" + port
	return tap
}

// zooListener understands what a client says on one connection: packets, each after its length.
type zooListener struct {
	tap   *zooTap
	heard []byte
	begun bool // the first packet was heard
}

// Write implements [io.Writer].
func (l *zooListener) Write(b []byte) (int, error) {
	l.heard = append(l.heard, b...)
	for len(l.heard) >= 4 {
		end := 4 + int(binary.BigEndian.Uint32(l.heard))
		if len(l.heard) < end {
			break
		}
		if text := zooWords(l.heard[4:end], !l.begun); text != "" {
			l.tap.mu.Lock()
			l.tap.said = append(l.tap.said, plainWords("> "+text))
			l.tap.mu.Unlock()
		}
		l.begun, l.heard = true, l.heard[end:]
	}
	return len(b), nil
}

func (z *zooTap) all() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	return slices.Clone(z.said)
}

// zooPacket is what is left of a packet.
type zooPacket []byte

func (p *zooPacket) int32() int32 {
	n := int32(binary.BigEndian.Uint32(*p))
	*p = (*p)[4:]
	return n
}

func (p *zooPacket) text() string {
	n := max(0, p.int32())
	s := string((*p)[:n])
	*p = (*p)[n:]
	return s
}

func (p *zooPacket) flag() int {
	n := int((*p)[0])
	*p = (*p)[1:]
	return n
}

// zooWords returns a packet as text; "" if it only says that the client is there.
func zooWords(packet []byte, first bool) string {
	p := zooPacket(packet)
	if first {
		p = p[12:] // the version, and what the client has seen
		return fmt.Sprintf("connect timeout=%dms session=%#x", p.int32(), binary.BigEndian.Uint64(p))
	}
	p.int32() // the number of the request
	switch kind := p.int32(); kind {
	case 11:
		return ""
	case 100:
		return fmt.Sprintf("auth type=%d scheme=%s auth=%s", p.int32(), p.text(), p.text())
	case 1:
		return p.creation()
	case 2:
		return "delete " + p.text()
	case 3, 4, 8, 12:
		name := map[int32]string{3: "exists", 4: "getData", 8: "getChildren", 12: "getChildren"}[kind]
		return fmt.Sprintf("%s %s watch=%d", name, p.text(), p.flag())
	default:
		return fmt.Sprintf("request of type %d", kind)
	}
}

func (p *zooPacket) creation() string {
	path, data := p.text(), p.text()
	var acl []string
	for range p.int32() {
		rights := p.int32()
		acl = append(acl, fmt.Sprintf("%s:%s:%d", p.text(), p.text(), rights))
	}
	flags := p.int32()
	kind := map[int32]string{0: "persistent", 1: "ephemeral", 2: "sequence", 3: "ephemeral sequence"}[flags]
	return fmt.Sprintf("create %s data=%s acl=%s flags=%d (%s)", path, data, strings.Join(acl, ","), flags, kind)
}
