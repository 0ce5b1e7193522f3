package master_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authentication/crammd5"
	"meseta/master"
	"meseta/master/mastertest"
	"meseta/master/peers"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// guarded returns a cluster whose master authenticates all agents and frameworks.
func guarded(t *testing.T) *mastertest.Cluster {
	t.Helper()
	return mastertest.New(t, mastertest.Config{
		Configure: func(c *master.Config) { c.AuthenticateAgents, c.AuthenticateFrameworks = true, true },
		Authenticator: func(n *runtime.Node) peers.Authenticator {
			return crammd5.New(n, map[string]string{"ag": "agsecret", "fw": "fwsecret"})
		},
	})
}

var masterPID = runtime.PID{ID: "master", Addr: mastertest.Address}

// authenticate begins to authenticate a peer.
func authenticate(p *mastertest.Peer, principal, secret string) runtime.Future[struct{}] {
	return crammd5.Authenticate(p.Node(), masterPID, p.PID(), &mesospb.Credential{Principal: &principal, Secret: &secret})
}

func agents(c *mastertest.Cluster) (n int) {
	c.Do(func(m *master.Master) { n = len(m.Book().Agents()) })
	return n
}

// Agents that are not authenticated hear nothing. Afterwards they register, until their connection breaks.
func TestAgentsAuthenticate(t *testing.T) {
	t.Parallel()
	c := guarded(t)
	a := c.Peer("agent", "slave(1)", "10.0.0.2:5051")
	register := func() { a.Say(mastertest.Registration("10.0.0.2:5051")) }
	register()
	c.Advance(time.Second)
	if len(a.Heard) != 0 || agents(c) != 0 {
		t.Fatalf("a stranger is registered, and heard %v", a.Heard)
	}
	authenticate(a, "ag", "wrong")
	register()
	c.Advance(time.Second)
	if len(a.Heard) != 0 || agents(c) != 0 {
		t.Fatalf("an agent with a wrong secret is registered, and heard %v", a.Heard)
	}
	authenticate(a, "ag", "agsecret")
	c.Advance(time.Second)
	register()
	c.Advance(time.Second)
	if agents(c) != 1 {
		t.Fatal("an authenticated agent is not registered")
	}
	id := mastertest.Last[*internalpb.SlaveRegisteredMessage](a).GetSlaveId()
	a.Exit()
	c.Advance(time.Second)
	b := c.Peer("agent again", "slave(2)", "10.0.0.2:5052")
	info := proto.CloneOf(mastertest.Registration("10.0.0.2:5052").GetSlave())
	info.Id = id
	b.Say(&internalpb.ReregisterSlaveMessage{Slave: info, Version: proto.String("1.12.0")})
	c.Advance(time.Second)
	if len(b.Heard) != 0 {
		t.Errorf("a stranger is registered again: %v", b.Heard)
	}
	authenticate(b, "ag", "agsecret")
	c.Advance(time.Second)
	b.Say(&internalpb.ReregisterSlaveMessage{Slave: info, Version: proto.String("1.12.0")})
	c.Advance(time.Second)
	if mastertest.Last[*internalpb.SlaveReregisteredMessage](b) == nil {
		t.Error("an authenticated agent is not registered again")
	}
}

// A driver whose connection breaks is a stranger when it comes back.
func TestPrincipalsEndWithTheirConnection(t *testing.T) {
	t.Parallel()
	c := guarded(t)
	s := c.Peer("f", "scheduler-f", "10.0.0.3:6000")
	authenticate(s, "fw", "fwsecret")
	c.Advance(time.Second)
	s.Exit()
	c.Advance(time.Second)
	again := c.Peer("f", "scheduler-f", "10.0.0.3:6000")
	again.Say(&internalpb.RegisterFrameworkMessage{Framework: mastertest.Framework()})
	c.Advance(time.Second)
	if got := mastertest.Last[*internalpb.FrameworkErrorMessage](again).GetMessage(); got != "Framework at scheduler-f@10.0.0.3:6000 is not authenticated" {
		t.Errorf("it heard %q", got)
	}
}

// Frameworks must be authenticated with the principal that they name. If they name none, they get it.
func TestFrameworksAuthenticate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		principal *string // that the framework names
		secret    string  // "": it does not authenticate
		want      string  // "": it is registered
	}{
		{proto.String("fw"), "", "Framework at scheduler-f@10.0.0.3:6000 is not authenticated"},
		{proto.String("other"), "fwsecret", "Framework principal 'other' does not match authenticated principal 'fw'"},
		{proto.String("fw"), "fwsecret", ""},
		{nil, "fwsecret", ""},
	} {
		c := guarded(t)
		s := c.Peer("f", "scheduler-f", "10.0.0.3:6000")
		info := mastertest.Framework()
		info.Principal = test.principal
		if test.secret != "" {
			authenticate(s, "fw", test.secret)
			c.Advance(time.Second)
		}
		s.Say(&internalpb.RegisterFrameworkMessage{Framework: info})
		c.Advance(time.Second)
		got := ""
		for _, m := range mastertest.All[*internalpb.FrameworkErrorMessage](s) {
			got = m.GetMessage()
		}
		if got != test.want {
			t.Errorf("%v: heard %q, want %q", test.principal, got, test.want)
		}
		if test.want != "" {
			continue
		}
		id := mastertest.Last[*internalpb.FrameworkRegisteredMessage](s).GetFrameworkId()
		c.Do(func(m *master.Master) {
			all := m.Book().Frameworks()
			if len(all) != 1 || all[0].Info.GetPrincipal() != "fw" || all[0].Info.GetId().GetValue() != id.GetValue() {
				t.Errorf("%v: registered are %v", test.principal, all)
			}
		})
	}
}

// A registration that arrives while its sender is being authenticated is handled afterwards.
func TestRegistrationsWaitForAuthentication(t *testing.T) {
	t.Parallel()
	waited := 0
	for early := range 20 {
		c := guarded(t)
		a := c.Peer("agent", "slave(1)", "10.0.0.2:5051")
		f := authenticate(a, "ag", "agsecret")
		c.Advance(time.Duration(early) * 250 * time.Microsecond)
		_, over, _ := f.Peek()
		a.Say(mastertest.Registration("10.0.0.2:5051"))
		c.Advance(time.Second)
		switch {
		case agents(c) == 1 && !over:
			waited++
		case agents(c) == 0 && waited > 0:
			t.Errorf("a registration after %d steps is lost, although earlier ones are not", early)
		}
	}
	if waited < 3 {
		t.Errorf("only %d registrations waited", waited)
	}
}

// An authentication ends when it takes too long, or when another begins; its late outcome counts no more.
func TestAuthenticationInProgress(t *testing.T) {
	t.Parallel()
	c := guarded(t)
	a := c.Peer("agent", "slave(1)", "10.0.0.2:5051")
	a.Say(&internalpb.AuthenticateMessage{Pid: proto.String(a.PID().String())}) // and nothing more
	a.Say(mastertest.Registration("10.0.0.2:5051"))
	c.Advance(14 * time.Second)
	if agents(c) != 0 {
		t.Error("registered before the authentication was over")
	}
	c.Advance(2 * time.Second)
	if agents(c) != 0 {
		t.Error("registered although the authentication timed out")
	}
	a.Say(&internalpb.AuthenticateMessage{Pid: proto.String(a.PID().String())})
	authenticate(a, "ag", "agsecret")
	c.Advance(time.Second)
	a.Say(mastertest.Registration("10.0.0.2:5051"))
	c.Advance(time.Minute)
	if agents(c) != 1 {
		t.Error("the second authentication does not count")
	}
}

// A driver may be authenticated at another port of its machine, as that of mesos-go is, which is closed afterwards. What is said
// there with a wrong secret gives it no principal.
func TestAuthenticationAtAnotherPort(t *testing.T) {
	t.Parallel()
	for secret, want := range map[string]string{"fwsecret": "", "wrong": "Framework at scheduler-f@10.0.0.3:6000 is not authenticated"} {
		c := guarded(t)
		s, other := c.Peer("f", "scheduler-f", "10.0.0.3:6000"), c.Peer("sasl", "sasl_authenticatee(1)", "10.0.0.3:6001")
		crammd5.Authenticate(other.Node(), masterPID, s.PID(), &mesospb.Credential{Principal: proto.String("fw"), Secret: &secret})
		c.Advance(time.Second)
		other.Exit()
		c.Advance(time.Second)
		s.Say(&internalpb.RegisterFrameworkMessage{Framework: mastertest.Framework()})
		c.Advance(time.Second)
		got := ""
		for _, m := range mastertest.All[*internalpb.FrameworkErrorMessage](s) {
			got = m.GetMessage()
		}
		if registered := len(mastertest.All[*internalpb.FrameworkRegisteredMessage](s)) == 1; got != want || registered != (want == "") {
			t.Errorf("with the secret %q: registered %v, heard %q, want %q", secret, registered, got, want)
		}
	}
}

// A peer cannot be authenticated from elsewhere, nor under a name that is none.
func TestAuthenticationIsRefused(t *testing.T) {
	t.Parallel()
	for pid, want := range map[string]string{
		"slave(1)@10.0.0.9:5051": "slave(1)@10.0.0.9:5051 cannot be authenticated from 10.0.0.2:5051",
		"slave(1)":               "Invalid pid: ",
	} {
		c := guarded(t)
		a := c.Peer("agent", "slave(1)", "10.0.0.2:5051")
		a.Say(&internalpb.AuthenticateMessage{Pid: &pid})
		c.Advance(time.Second)
		got := mastertest.Last[*internalpb.AuthenticationErrorMessage](a).GetError()
		if len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("%s: heard %q, want %q", pid, got, want)
		}
	}
	c := mastertest.New(t, mastertest.Config{})
	a := c.Peer("agent", "slave(1)", "10.0.0.2:5051")
	authenticate(a, "ag", "agsecret")
	a.Say(mastertest.Registration("10.0.0.2:5051"))
	c.Advance(time.Second)
	if agents(c) != 1 {
		t.Error("an agent is not registered although no authentication is required")
	}
}
