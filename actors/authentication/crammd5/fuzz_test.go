package crammd5

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

// No mechanism and no proof makes a master believe in a principal, and every conversation ends.
func FuzzSteps(f *testing.F) {
	f.Add("CRAM-MD5", []byte(nil), []byte("ag 565c58146cf8b3831f64a37d1ad93c58"))
	f.Add("PLAIN", []byte("\x00ag\x00agsecret"), []byte{})
	f.Add("CRAM-MD5", []byte(nil), []byte(" "))
	f.Fuzz(func(t *testing.T, mechanism string, data, proof []byte) {
		s := start(t)
		o := &odd{}
		ref, err := runtime.Spawn(s.peers, "odd", o)
		if err != nil {
			t.Fatal(err)
		}
		s.world.Settle()
		runtime.Tell(ref, func(o *odd) {
			o.Send(runtime.PID{ID: "master", Addr: s.node.Addr()}, &internalpb.AuthenticateMessage{Pid: proto.String(o.Self().String())})
		})
		s.world.Advance(time.Second)
		runtime.Tell(ref, func(o *odd) {
			o.Send(o.session, &internalpb.AuthenticationStartMessage{Mechanism: &mechanism, Data: data})
			o.Send(o.session, &internalpb.AuthenticationStepMessage{Data: proof})
		})
		s.world.Advance(time.Second)
		principal, done, err := s.master.sessions[0].Peek()
		if done && err == nil {
			t.Errorf("%q, %q, %q: believed to be %q", mechanism, data, proof, principal)
		}
		s.master.sessions[0].Discard()
		s.world.Advance(time.Second)
		s.quiet()
	})
}

// Nothing that a master says has a peer give its secret away or believe that it was accepted, unless the master keeps to the order of
// the conversation; and whatever it says, the conversation ends when it is discarded.
func FuzzMasters(f *testing.F) {
	f.Add([]byte{0, 1, 2}, "CRAM-MD5", []byte("<1796473953.574103@localhost>"))
	f.Add([]byte{2}, "CRAM-MD5", []byte{})
	f.Add([]byte{0, 0, 1, 1, 3, 4}, "PLAIN", []byte("agsecret"))
	f.Add([]byte{1, 0, 4, 2}, "", []byte("\x00\xff"))
	f.Fuzz(func(t *testing.T, order []byte, mechanism string, data []byte) {
		w := sim.New(1)
		far, near := w.Node("10.0.0.1:5050"), w.Node("10.0.0.2:5051")
		m := &evil{}
		ref, err := runtime.Spawn(far, "master", m)
		if err != nil {
			t.Fatal(err)
		}
		accepted := Authenticate(near, ref.PID(), runtime.PID{ID: "slave(1)", Addr: near.Addr()}, credential("ag", "agsecret"))
		w.Advance(time.Second)
		for _, b := range order[:min(len(order), 20)] {
			runtime.Tell(ref, func(m *evil) { m.say(b, mechanism, data) })
			w.Advance(time.Second)
		}
		_, done, err := accepted.Peek()
		if done && err == nil && !m.proper {
			t.Errorf("%v with %q: accepted", order, mechanism)
		}
		for _, said := range m.heard {
			if bytes.Contains(said, []byte("agsecret")) && !bytes.Contains(data, []byte("agsecret")) {
				t.Errorf("%v with %q and %q: the peer said %q", order, mechanism, data, said)
			}
		}
		accepted.Discard()
		w.Advance(time.Second)
		if n := len(near.PIDs()); near.Owed() != 0 || slices.ContainsFunc(near.PIDs(), func(p runtime.PID) bool { return p.ID == m.peer.ID }) {
			t.Errorf("%v with %q: %d actors and %d promises are left", order, mechanism, n, near.Owed())
		}
		runtimetest.End(t, w)
	})
}

// evil is a master that says what it likes.
type evil struct {
	runtime.Actor
	peer    runtime.PID
	offered bool     // it has offered the mechanism, before anything else
	proper  bool     // it has then accepted the peer, as one that keeps to the order does
	begun   bool     // it has said something
	heard   [][]byte // what peers have sent
}

func (m *evil) Initialize() {
	runtime.Install(m, func(from runtime.PID, _ *internalpb.AuthenticateMessage) { m.peer = from })
	runtime.Install(m, func(_ runtime.PID, x *internalpb.AuthenticationStartMessage) { m.heard = append(m.heard, x.GetData()) })
	runtime.Install(m, func(_ runtime.PID, x *internalpb.AuthenticationStepMessage) { m.heard = append(m.heard, x.GetData()) })
}

// say sends one of the five messages of masters.
func (m *evil) say(which byte, offer string, data []byte) {
	var x proto.Message
	switch which % 5 {
	case 0:
		x, m.offered = &internalpb.AuthenticationMechanismsMessage{Mechanisms: []string{offer}}, m.offered || !m.begun && offer == mechanism
	case 1:
		x = &internalpb.AuthenticationStepMessage{Data: data}
	case 2:
		x, m.proper = &internalpb.AuthenticationCompletedMessage{}, m.proper || m.offered
	case 3:
		x = &internalpb.AuthenticationFailedMessage{}
	case 4:
		x = &internalpb.AuthenticationErrorMessage{Error: &offer}
	}
	m.begun = true
	m.Send(m.peer, x)
}
