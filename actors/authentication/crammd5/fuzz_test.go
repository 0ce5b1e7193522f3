package crammd5

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/runtime"
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
