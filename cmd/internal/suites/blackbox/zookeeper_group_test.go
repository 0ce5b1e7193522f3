package blackbox

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"meseta/actors/election/zookeepertest"
)

// groupDifferences is [zooDifferences] for masters with --quorum=2.
var groupDifferences = map[string]string{
	"three masters: not > create /mesos/log_replicas/ data=log-replica(1)@MASTER acl=world:anyone:31 flags=3 (ephemeral sequence)": ourReplicas,
	"three masters: more > create /mesos/log_replicas/ data=consensus@MASTER acl=world:anyone:31 flags=3 (ephemeral sequence)":     ourReplicas,
	"three masters: more > create /mesos/log_group data=FOUNDERS acl=world:anyone:31 flags=0 (persistent)":                         agreed,
	"three masters: more > getData /mesos/log_group watch=0":                                                                       agreed,
	"two masters, when the leader is dead: more > getData /mesos/log_group watch=0":                                                agreed,
	"two masters, when the leader is dead: more > exists /mesos watch=0":                                                           eachRound,
	"two masters, when the leader is dead: more > exists /mesos/log_replicas watch=0":                                              eachRound,
	"two masters, when the leader is dead: not > getData /mesos/log_replicas/N watch=0":                                            "a node that is known is not read again",
	"an agent, when the leader is dead: more > exists /mesos watch=0":                                                              eachRound,
	// What depends on who comes first.
	"three masters: more > delete /mesos/json.info_N":                                                                                        sometimes,
	"two masters, when the leader is dead: more > delete /mesos/json.info_N":                                                                 sometimes,
	"two masters, when the leader is dead: more > create /mesos/json.info_ data=MASTERINFO acl=world:anyone:31 flags=3 (ephemeral sequence)": sometimes,
}

const (
	ourReplicas = "ours are replicas of another kind: they speak Raft"
	agreed      = "those that found the group are written down once"
	sometimes   = "who leads by Raft removes the nodes of the others that are before its own; these contend again"
)

// founders matches what masters agree on, and masterInfo what they announce.
var (
	founders   = regexp.MustCompile(`log_group data=\{.*\} acl`)
	masterInfo = regexp.MustCompile(`json.info_ data=\{.*\} acl`)
)

// Three masters with --quorum=2 and an agent say to ZooKeeper what was recorded of C++ ones, before the leader is killed and then.
func TestWhatAGroupSaysToZooKeeper(t *testing.T) {
	t.Parallel()
	recording := readZooRecording(t, shared(t, "golden/zookeeper/3-quorum-2-zk-timeline.txt"))
	server := zookeepertest.Start(t)
	server.Session() // it answers
	m := newMasters(t, 3)
	taps := make([]*zooTap, 3)
	for i := range taps {
		taps[i] = tapZoo(t, server)
		m.args = []string{"--quorum=2", "--zk=zk://" + taps[i].address + "/mesos"}
		m.start(i)
	}
	first := m.leader()
	for i := range taps {
		m.all[i].awaits("announced in ZooKeeper")
	}
	announcements(t, server.Session(), "/mesos/log_replicas", 3)
	following := tapZoo(t, server)
	agent := startAgent(t, "0", "zk://"+following.address+"/mesos", t.TempDir())
	agent.awaits("] registered ")
	var before, after []string
	for _, tap := range append(taps, following) {
		tap.until = tap.all()
	}
	for _, tap := range taps {
		before = append(before, tap.until...)
	}
	m.all[first].kill()
	m.all[first] = nil
	m.leader()
	agent.awaits("] re-registered ")
	for i, tap := range taps {
		if i != first {
			after = append(after, tap.all()[len(tap.until):]...)
		}
	}
	death := recording.ended()
	sameWords(t, groupDifferences, map[string][2][]string{
		"three masters":                        {slices.Concat(recording.said(0, 1, 0, 20)...), before},
		"two masters, when the leader is dead": {slices.Concat(recording.said(0, 1, death, 1e9)...), after},
		"an agent":                             {slices.Concat(recording.said(25, 26, 0, death)...), following.until},
		"an agent, when the leader is dead":    {slices.Concat(recording.said(25, 26, death, 1e9)...), following.all()[len(following.until):]},
	})
}

// A scheduler of v0 says what was recorded, before a failover and then.
func TestWhatADriverSaysToZooKeeper(t *testing.T) {
	t.Parallel()
	recording := readZooRecording(t, shared(t, "golden/zookeeper/4-v0-scheduler-zk-timeline.txt"))
	server := zookeepertest.Start(t)
	first, second := startPair(t, server, "zk://"+server.Address+"/mesos", "/mesos")
	startAgent(t, "0", "zk://"+server.Address+"/mesos", t.TempDir()).awaits("] registered ")
	tap, l := tapZoo(t, server), newLedger("driven")
	t.Cleanup(startDriven(t, "zk://"+tap.address+"/mesos", l))
	l.goesOn(t)
	tap.until = tap.all()
	first.kill()
	second.awaits("master recovered from the registry")
	l.goesOn(t)
	death := recording.ended()
	sameWords(t, driverDifferences, map[string][2][]string{
		"a driver":                          {slices.Concat(recording.said(2.8, 3, 0, death)...), tap.until},
		"a driver, when the leader is dead": {slices.Concat(recording.said(2.8, 3, death, 1e9)...), tap.all()[len(tap.until):]},
	})
}

// driverDifferences is [zooDifferences] for a driver.
var driverDifferences = map[string]string{
	"a driver, when the leader is dead: more > exists /mesos watch=0": eachRound,
}

// ended is when the first sessions ended.
func (r *zooRecording) ended() float64 {
	for _, lines := range r.lines {
		if last := lines[len(lines)-1]; last.text == "> (FIN)" {
			return last.at - 0.001
		}
	}
	return 0
}

// sameWords demands that just what is listed is said by one side only, recorded and ours. In which order is not compared.
func sameWords(t *testing.T, differences map[string]string, said map[string][2][]string) {
	t.Helper()
	var found []string
	for name, sides := range said {
		if len(sides[0]) == 0 {
			t.Errorf("%s: nothing was recorded", name)
		}
		for _, d := range compareWords([][]string{sides[0]}, sides[1]) {
			if !strings.HasPrefix(d, "another order") {
				d = founders.ReplaceAllString(d, "log_group data=FOUNDERS acl")
				if text := name + ": " + d; !slices.Contains(found, text) {
					found = append(found, text)
				}
			}
		}
	}
	found = slices.DeleteFunc(found, func(d string) bool {
		return differences[masterInfo.ReplaceAllString(d, "json.info_ data=MASTERINFO acl")] == sometimes
	})
	slices.Sort(found)
	want := slices.DeleteFunc(slices.Sorted(maps.Keys(differences)), func(d string) bool { return differences[d] == sometimes })
	if !slices.Equal(found, want) {
		t.Errorf("differences:\n%s\nwant\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
}
