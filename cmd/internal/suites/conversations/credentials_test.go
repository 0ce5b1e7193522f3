package conversations

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // CRAM-MD5 is made of it
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authentication/crammd5"
	"meseta/actors/authorizer/local"
	"meseta/actors/election"
	"meseta/master"
	"meseta/master/mastertest"
	"meseta/master/peers"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/sched"
	"meseta/sched/schedtest"
	"meseta/slave"
	"meseta/slave/slavetest"
)

const masterAddress, agentAddress = "127.0.0.1:5050", "127.0.0.1:5051"

// proof returns what a recorded peer answers to our challenge. It has had a secret that explains its recorded answer to the
// recorded challenge.
func (d *dialogue) proof(from string, recorded []byte) []byte {
	d.t.Helper()
	principal, digest, ok := strings.Cut(string(recorded), " ")
	if !ok || !challenge.MatchString(d.proofs.recorded[anonymous(from)]) {
		return recorded
	}
	for _, secret := range []string{principal + "secret", "wrong", "x"} {
		if keyed(secret, d.proofs.recorded[anonymous(from)]) == digest {
			return []byte(principal + " " + keyed(secret, d.proofs.ours[anonymous(from)]))
		}
	}
	d.t.Errorf("%s has proved nothing that is known with %s", from, recorded)
	return recorded
}

func keyed(secret, text string) string {
	mac := hmac.New(md5.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// masterID finds the ID of the recorded master in a conversation.
var masterID = regexp.MustCompile(`"?([0-9a-f]{8}-[0-9a-f-]{27})-S0"`)

// ourMaster puts a master of ours in the place of a recorded one.
func ourMaster(t *testing.T, name, rules string) *dialogue {
	t.Helper()
	id := recordedID(t, name)
	config := mastertest.Config{
		Address: masterAddress,
		Configure: func(c *master.Config) {
			c.AuthenticateAgents, c.AuthenticateFrameworks, c.ID, c.Hostname = true, true, id, "localhost"
		},
		Authenticator: func(n *runtime.Node) peers.Authenticator {
			return crammd5.New(n, map[string]string{"ag": "agsecret", "fw": "fwsecret"})
		},
	}
	if rules != "" {
		acls, err := local.Parse(rules)
		if err != nil {
			t.Fatal(err)
		}
		if config.Authorizer, err = local.New(acls); err != nil {
			t.Fatal(err)
		}
	}
	c := mastertest.New(t, config)
	d := newDialogue(t, name, masterAddress, c.World)
	c.Do(func(m *master.Master) { d.node = m.Node() })
	return d
}

// The agents, drivers and schedulers of C++ clusters hear from our master what they have heard from theirs.
//
// Recorded in golden/auth/1-crammd5-* and 4-denied-*.
func TestPeersOfOurMaster(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		until   float64 // later messages were not all recorded, or are about something else
		rules   string
		gone    []leaving
		stopped float64
	}{
		{name: "1-crammd5-good", until: 0.0892},
		{name: "1-crammd5-agent-bad-secret", until: 3},
		{name: "1-crammd5-agent-unknown-principal", until: 3},
		{name: "1-crammd5-agent-no-credential", until: 6},
		{name: "1-crammd5-framework-bad-secret", until: 0.5},
		{name: "1-crammd5-framework-no-credential", until: 0.5},
		{name: "1-crammd5-timeout", until: 12.1, stopped: 12.073},
		{name: "1-crammd5-odd", until: 10.8131}, // a second conversation does not wait for the first here: see crammd5.Authenticator
		{name: "4-denied-register_agents", until: 4, rules: `{"register_agents": [{"principals": {"values": ["ag"]}, "agents": {"type": "NONE"}}]}`},
		{name: "4-denied-register_agents-anonymous", until: 4, rules: `{"register_agents": [{"principals": {"type": "ANY"}, "agents": {"type": "NONE"}}]}`},
		{name: "4-denied-register_frameworks", until: 3.17, rules: rolesOfFw},
		{name: "4-denied-run_tasks", until: 13.2, rules: usersOfFw, gone: []leaving{{11.114, "127.0.0.1:38877"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := ourMaster(t, c.name, c.rules)
			d.stopped = seconds(c.stopped)
			d.play(c.until, c.gone...)
		})
	}
}

const (
	rolesOfFw = `{"register_frameworks": [{"principals": {"values": ["fw"]}, "roles": {"values": ["good"]}}, {"principals": {"values": ["fw"]}, "roles": {"type": "NONE"}}]}`
	usersOfFw = `{"run_tasks": [{"principals": {"values": ["fw"]}, "users": {"values": ["nobody"]}}, {"principals": {"values": ["fw"]}, "users": {"type": "NONE"}}]}`
)

// Our agent says to a C++ master what a C++ agent has said.
//
// Recorded in golden/auth/1-crammd5-* and 4-denied-*.
func TestOurAgentAtTheirMaster(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, principal, secret string
		until                   float64
		end                     string // what the agent ends with
	}{
		{"1-crammd5-good", "ag", "agsecret", 0.08, ""},
		{"1-crammd5-agent-bad-secret", "ag", "wrong", 1, "Master master@127.0.0.1:5050 refused authentication"},
		{"1-crammd5-agent-unknown-principal", "nobody", "x", 1, "Master master@127.0.0.1:5050 refused authentication"},
		{"4-denied-register_agents", "ag", "agsecret", 0.5, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := sim.New(1)
			t.Cleanup(func() { runtimetest.End(t, w) })
			d := newDialogue(t, c.name, agentAddress, w)
			d.node = w.Node(agentAddress)
			ended := ""
			config := slave.Defaults()
			pid, _ := runtime.ParsePID(theirMaster)
			config.Detector, config.WorkDir, config.Hostname = election.NewStandalone(election.MasterInfo(pid)), t.TempDir(), "localhost"
			config.Attributes, config.Resources = "rack:r1;zone:z1", "cpus:4;mem:4096;disk:8192;ports:[31000-32000]"
			config.Containerizer, config.System, config.Disk = &slavetest.Containers{}, &slavetest.System{}, disk.Local{}
			config.Credential = &mesospb.Credential{Principal: proto.String(c.principal), Secret: proto.String(c.secret)}
			config.Fatal = func(err error) { ended = err.Error() }
			if _, err := slave.Spawn(d.node, config); err != nil {
				t.Fatal(err)
			}
			d.play(c.until)
			if ended != c.end {
				t.Errorf("the agent ends with %q, recorded %q", ended, c.end)
			}
		})
	}
}

// Our driver says to a C++ master what a C++ driver has said.
//
// Recorded in golden/auth/1-crammd5-* and 4-denied-*.
func TestOurDriverAtTheirMaster(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, address, secret string
		until                 float64
		heard                 string // the last that the scheduler hears
	}{
		{"1-crammd5-good", "127.0.0.1:37447", "fwsecret", 0.0905, "offer 27b07de4-f011-4b5f-bf25-f85666e18184-O0 of 27b07de4-f011-4b5f-bf25-f85666e18184-S0"},
		{"1-crammd5-framework-bad-secret", "127.0.0.1:37153", "wrong", 0.5, `error "Master refused authentication"`},
		{"1-crammd5-framework-no-credential", "127.0.0.1:38599", "", 0.5, `error "Framework at scheduler-63bc3bb6-edbc-41a9-9b09-27769ef500db@127.0.0.1:38599 is not authenticated"`},
		{"4-denied-register_frameworks", "127.0.0.1:38717", "fwsecret", 3.17, `error "Not authorized to register framework  with roles { * }"`},
		{"4-denied-run_tasks", "127.0.0.1:38877", "fwsecret", 11.1, "update 4 TASK_ERROR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := sim.New(1)
			t.Cleanup(func() { runtimetest.End(t, w) })
			d := newDialogue(t, c.name, c.address, w)
			d.node = w.Node(c.address)
			s := &schedtest.Scheduler{}
			info, launches := d.framework()
			s.OnOffers = func(driver *sched.Driver, offers []*mesospb.Offer) {
				if len(launches) > 0 {
					driver.LaunchTasks([]ids.Offer{ids.OfferOf(offers[0].GetId())}, launches[0], &mesospb.Filters{})
					launches = launches[1:]
				}
			}
			options := sched.Options{}
			if c.secret != "" {
				options.Credential = &mesospb.Credential{Principal: proto.String("fw"), Secret: proto.String(c.secret)}
			}
			sched.NewDriver(d.node, s, info, masterAddress, options).Start()
			d.play(c.until)
			if len(s.Heard) == 0 || s.Heard[len(s.Heard)-1] != c.heard {
				t.Errorf("the scheduler has heard %q, recorded %q", s.Heard, c.heard)
			}
		})
	}
}

// framework returns how the recorded framework has subscribed, and what it has launched with each offer.
func (d *dialogue) framework() (info *mesospb.FrameworkInfo, launches [][]*mesospb.TaskInfo) {
	info = &mesospb.FrameworkInfo{User: proto.String("root"), Name: proto.String("Test Framework (C++)"), Principal: proto.String("fw")}
	for _, m := range d.recorded {
		sender, _ := runtime.ParsePID(m.Sender())
		call, ok := m.Body.(*schedulerpb.Call)
		switch {
		case !ok || sender.Addr != d.ours:
		case call.GetType() == schedulerpb.Call_SUBSCRIBE:
			info = call.GetSubscribe().GetFrameworkInfo()
		case call.GetType() == schedulerpb.Call_ACCEPT:
			launches = append(launches, call.GetAccept().GetOperations()[0].GetLaunch().GetTaskInfos())
		}
	}
	return info, launches
}

// recordedID returns the ID of the recorded master; that of tests if the recording does not tell.
func recordedID(t *testing.T, name string) string {
	t.Helper()
	if found := masterID.FindSubmatch(mustRead(t, authFile(t, name+"-wire-timeline.txt"))); found != nil {
		return string(found[1])
	}
	return mastertest.ID
}

func mustRead(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
