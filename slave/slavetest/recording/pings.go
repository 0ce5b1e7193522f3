package recording

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/runtime"
)

// withPings returns the messages of a conversation with the pings of its timeline, and what they were answered. Only the first of
// them were recorded whole. The others say the same, and come from those who have sent something else on their connections.
func withPings(timeline string, all []Message) []Message {
	whole := map[string]bool{}
	for _, m := range all {
		whole[fmt.Sprint(m.At, m.Line)] = true
	}
	var found []Message
	for line := range strings.Lines(timeline) {
		m, ok := parsePing(line)
		if ok && !whole[fmt.Sprint(m.At, m.Line)] && m.on(all) {
			found = append(found, m)
		}
	}
	all = append(all, found...)
	slices.SortStableFunc(all, func(x, y Message) int { return cmp.Compare(x.At, y.At) })
	for i := range all {
		all[i].observed(all[i:])
	}
	return all
}

// parsePing reads a line of a timeline. It returns false if that is neither a ping nor an answer to one.
func parsePing(line string) (m Message, ok bool) {
	words := strings.Fields(line) // 15.0093 35556 -> 5051 POST /slave(1)/mesos.internal.PingSlaveMessage HTTP/1.1 body=2
	if len(words) != 8 || words[2] != "->" || words[4] != "POST" {
		return m, false
	}
	at, err := time.ParseDuration(words[0] + "s")
	m = Message{At: at, From: words[1], To: words[3], Line: strings.Join(words[4:7], " ")}
	switch {
	case err != nil:
		return m, false
	case strings.HasSuffix(m.Path(), "/mesos.internal.PingSlaveMessage"):
		m.Body = &internalpb.PingSlaveMessage{Connected: proto.Bool(true)}
	case strings.HasSuffix(m.Path(), "/mesos.internal.PongSlaveMessage"):
		m.Body = &internalpb.PongSlaveMessage{}
	default:
		return m, false
	}
	return m, true
}

// on gives a message the head of another one on its connection. It returns false if there is none.
func (m *Message) on(all []Message) bool {
	for _, other := range all {
		if other.From == m.From && other.To == m.To && other.Sender() != "" {
			m.Header = map[string]string{"Libprocess-From": other.Sender()}
			return true
		}
	}
	return false
}

// observed gives a ping the observer that the next answer of that agent goes to.
func (m *Message) observed(later []Message) {
	if _, ping := m.Body.(*internalpb.PingSlaveMessage); !ping {
		return
	}
	from, err := runtime.ParsePID(m.Sender())
	for _, answer := range later {
		_, pong := answer.Body.(*internalpb.PongSlaveMessage)
		if observer, _, found := strings.Cut(strings.TrimPrefix(answer.Path(), "/"), "/"); err == nil && pong && found && strings.HasSuffix(answer.Sender(), ":"+m.To) {
			from.ID = observer
			m.Header = map[string]string{"Libprocess-From": from.String()}
			return
		}
	}
}
