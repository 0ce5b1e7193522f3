package recording

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"meseta/messages/pb/internalpb"
	_ "meseta/messages/pb/v1/agentv1pb"
)

const rule = "\n====================================================================================================\n"

const conversation = "# a recording\n\n## TIMELINE (every HTTP message)\n   0.0000  1 -> 5051   POST /x HTTP/1.1\n\n## MESSAGES (bodies decoded)\n" +
	rule + `@6.0661s  49478 -> 44061   body 43 bytes
POST /executor(1)/mesos.internal.ReconnectExecutorMessage HTTP/1.1
Libprocess-From: slave(1)@127.0.0.1:5051
--- decoded mesos.internal.ReconnectExecutorMessage:
slave_id {
  value: "S0"
}
` + rule + `@7s  49478 -> 44061   body 0 bytes
POST /executor(1)/mesos.internal.ShutdownExecutorMessage HTTP/1.1
Libprocess-From: slave(1)@127.0.0.1:5051
` + rule + `@7.5951s  5051 -> 45552   body 31 bytes
HTTP/1.1 503 Service Unavailable
--- decoded mesos.v1.agent.Response:
(cannot decode as mesos.v1.agent.Response: no) b'Agent has not finished recovery'

## COUNTS
`

func TestConversation(t *testing.T) {
	t.Parallel()
	all, err := parseConversation(conversation)
	if err != nil || len(all) != 3 {
		t.Fatalf("read %d messages, %v", len(all), err)
	}
	reconnect, ok := all[0].Body.(*internalpb.ReconnectExecutorMessage)
	if !ok || reconnect.GetSlaveId().GetValue() != "S0" || all[0].Sender() != "slave(1)@127.0.0.1:5051" || all[0].At != 6066100*time.Microsecond {
		t.Errorf("read %+v", all[0])
	}
	if _, ok := all[1].Body.(*internalpb.ShutdownExecutorMessage); !ok || all[1].To != "44061" || all[1].Status() != 0 {
		t.Errorf("read %+v", all[1])
	}
	if m := all[2]; m.Status() != 503 || m.Path() != "" || m.Body != nil || m.Text == "" {
		t.Errorf("read %+v", m)
	}
	for _, bad := range []string{"", "\n## MESSAGES\n" + rule + "no ports", "\n## MESSAGES\n" + rule + "@1s 1 -> 2\nPOST /a/mesos.Nothing HTTP/1.1"} {
		if all, err := parseConversation(bad); err == nil {
			t.Errorf("read %v from %q", all, bad)
		}
	}
}

const pings = `
## TIMELINE (every HTTP message)
   1.0000  38434 -> 5051   POST /slave(1)/mesos.internal.PingSlaveMessage HTTP/1.1  body=2
   1.0010  34052 -> 5050   POST /slave-observer(1)/mesos.internal.PongSlaveMessage HTTP/1.1  body=0
   2.0000  38434 -> 5051   POST /slave(1)/mesos.internal.PingSlaveMessage HTTP/1.1  body=2
   2.0005   5051 -> 38434  HTTP/1.1 202 Accepted  body=0
   2.0010  34052 -> 5050   POST /slave-observer(2)/mesos.internal.PongSlaveMessage HTTP/1.1  body=0
   3.0000  1 -> 5051   POST /slave(1)/mesos.internal.PingSlaveMessage HTTP/1.1  body=2

## MESSAGES (pings left out)
` + rule + `@1.0000s  38434 -> 5051   body 2 bytes
POST /slave(1)/mesos.internal.PingSlaveMessage HTTP/1.1
Libprocess-From: slave-observer(1)@127.0.0.1:5050
--- decoded mesos.internal.PingSlaveMessage:
connected: true
` + rule + `@1.0010s  34052 -> 5050   body 0 bytes
POST /slave-observer(1)/mesos.internal.PongSlaveMessage HTTP/1.1
Libprocess-From: slave(1)@127.0.0.1:5051
`

// Pings of which only the time was recorded are like those that were recorded whole, except those of strangers.
func TestPings(t *testing.T) {
	t.Parallel()
	all, err := parseConversation(pings)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range all {
		got = append(got, m.At.String()+" "+m.Sender()+" "+string(m.Body.ProtoReflect().Descriptor().Name()))
		if p, ok := m.Body.(*internalpb.PingSlaveMessage); ok && !p.GetConnected() {
			t.Errorf("a ping says %v", p)
		}
	}
	want := []string{
		"1s slave-observer(1)@127.0.0.1:5050 PingSlaveMessage", "1.001s slave(1)@127.0.0.1:5051 PongSlaveMessage",
		"2s slave-observer(2)@127.0.0.1:5050 PingSlaveMessage", "2.001s slave(1)@127.0.0.1:5051 PongSlaveMessage",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

const tree = `## tree of /a
0755 d       /a/meta/
0600 f     8 /a/meta/boot_id
0777 l       /a/meta/latest -> /a/meta/boot_id
0600 f     6 /a/meta/drain.config
0600 f    10 /a/meta/info
0644 f    30 /a/meta/updates

## contents
=== /a/meta/boot_id (8 bytes)
text: the boot

=== /a/meta/drain.config (6 bytes)
bytes: \002\000\000\000\020\000

=== /a/meta/info (10 bytes)
4-byte little-endian length 6, then mesos.SlaveID:
value: "abc"

=== /a/meta/updates (30 bytes)
-- record, length 20, mesos.internal.StatusUpdateRecord:
type: ACK
uuid: "1"

-- record, length 20, mesos.internal.StatusUpdateRecord:
type: ACK
uuid: "2"
`

// What was recorded can be made again, and looks the same then. What has not changed later is taken from before.
func TestTree(t *testing.T) {
	t.Parallel()
	recorded, err := parseTree(tree, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := recorded.Write("/a/meta", dir); err != nil {
		t.Fatal(err)
	}
	found, err := Look(dir, "/a/meta", recorded)
	delete(recorded, "/a/meta")
	if d := cmp.Diff(recorded, found, protocmp.Transform()); d != "" || err != nil {
		t.Errorf("%v (-recorded +found):\n%s", err, d)
	}
	if n := len(found["/a/meta/updates"].Records); n != 2 {
		t.Errorf("found %d updates", n)
	}
	const later = "0600 f    10 /a/meta/info\n\n## contents\n=== /a/meta/info (10 bytes)  (unchanged since before-trees.txt)\n"
	if again, err := parseTree(later, recorded); err != nil || again["/a/meta/info"] != recorded["/a/meta/info"] {
		t.Errorf("later: %v, %v", again, err)
	}
	for _, bad := range []string{later, "0999 f 1 /a", "0600 f", "\n## contents\n=== /b (1 bytes)\ntext: x"} {
		if found, err := parseTree(bad, nil); err == nil {
			t.Errorf("read %v from %q", found, bad)
		}
	}
}
