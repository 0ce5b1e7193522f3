package simcluster

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"meseta/messages/about"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// words says in a few of them what matters of a message.
type words struct {
	pings bool
	uuids map[string]int             // of status updates, numbered as they come
	sent  map[runtime.EventID]string // what was said of a message, by its sending
}

func newWords(pings bool) *words {
	return &words{pings: pings, uuids: map[string]int{}, sent: map[runtime.EventID]string{}}
}

// has reports whether a message is worth a word.
func (w *words) has(sending runtime.EventID) bool {
	_, ok := w.sent[sending]
	return ok
}

// describe implements what [sim.World.Describe] asks for.
func (w *words) describe(e runtime.Envelope) (text string, said bool) {
	if text, said = w.of(e); said && !e.Cause.IsZero() {
		w.sent[e.Cause] = text
	}
	return text, said
}

func (w *words) of(e runtime.Envelope) (text string, said bool) {
	switch m := e.Message.(type) {
	case *internalpb.PingSlaveMessage, *internalpb.PongSlaveMessage:
		return about.Summary(m), w.pings
	case *schedulerpb.Call:
		return w.call(m), true
	case *internalpb.StatusUpdateMessage:
		return w.status(m.GetUpdate()), true
	case *internalpb.ResourceOffersMessage:
		return offers(m), true
	case *internalpb.RunTaskMessage:
		return m.GetTask().GetTaskId().GetValue(), true
	case *internalpb.StatusUpdateAcknowledgementMessage:
		return m.GetTaskId().GetValue() + " " + w.number(m.GetUuid()), true
	case *internalpb.ReregisterSlaveMessage:
		return m.GetSlave().GetId().GetValue() + taskStates(m.GetTasks()), true
	case *internalpb.SlaveReregisteredMessage:
		return m.GetSlaveId().GetValue() + questions(m.GetReconciliations()), true
	}
	return about.Summary(e.Message), true
}

func (w *words) number(uuid []byte) string {
	if len(uuid) == 0 {
		return "unasked"
	}
	n, known := w.uuids[string(uuid)]
	if !known {
		n = len(w.uuids) + 1
		w.uuids[string(uuid)] = n
	}
	return fmt.Sprintf("#%d", n)
}

func (w *words) status(u *internalpb.StatusUpdate) string {
	s := u.GetStatus()
	text := fmt.Sprintf("%s %s %s", s.GetTaskId().GetValue(), s.GetState(), w.number(u.GetUuid()))
	if s.Reason != nil {
		text += " " + s.GetReason().String()
	}
	if s.GetMessage() != "" {
		text += fmt.Sprintf(" %q", s.GetMessage())
	}
	return text
}

func (w *words) call(c *schedulerpb.Call) string {
	text := c.GetType().String()
	switch c.GetType() {
	case schedulerpb.Call_SUBSCRIBE:
		if id := c.GetFrameworkId().GetValue(); id != "" {
			text += fmt.Sprintf(" %s force=%t", id, c.GetSubscribe().GetForce())
		}
	case schedulerpb.Call_ACCEPT:
		text += offerIDs(c.GetAccept().GetOfferIds())
		for _, o := range c.GetAccept().GetOperations() {
			text += " " + o.GetType().String()
			for _, t := range o.GetLaunch().GetTaskInfos() {
				text += " " + t.GetTaskId().GetValue()
			}
		}
	case schedulerpb.Call_DECLINE:
		text += offerIDs(c.GetDecline().GetOfferIds())
	case schedulerpb.Call_KILL:
		text += " " + c.GetKill().GetTaskId().GetValue()
	case schedulerpb.Call_ACKNOWLEDGE:
		text += " " + c.GetAcknowledge().GetTaskId().GetValue() + " " + w.number(c.GetAcknowledge().GetUuid())
	case schedulerpb.Call_RECONCILE:
		for _, t := range c.GetReconcile().GetTasks() {
			text += " " + t.GetTaskId().GetValue()
		}
	}
	return text
}

func offerIDs(all []*mesospb.OfferID) string {
	text := ""
	for _, id := range all {
		text += " " + id.GetValue()
	}
	return text
}

func offers(m *internalpb.ResourceOffersMessage) string {
	var texts []string
	for _, o := range m.GetOffers() {
		left := roomIn(o.GetResources())
		texts = append(texts, fmt.Sprintf("%s: %s cpus:%g mem:%g", o.GetId().GetValue(), o.GetHostname(), left.cpus, left.memory))
	}
	return strings.Join(texts, ", ")
}

func taskStates(tasks []*mesospb.Task) string {
	text := ""
	for _, t := range tasks {
		text += fmt.Sprintf(" %s:%s", t.GetTaskId().GetValue(), t.GetState())
	}
	return text
}

func questions(asked []*internalpb.ReconcileTasksMessage) string {
	text := ""
	for _, r := range asked {
		for _, s := range r.GetStatuses() {
			text += fmt.Sprintf(" %s:%s?", s.GetTaskId().GetValue(), s.GetState())
		}
	}
	return text
}

var (
	actorAtAddress = regexp.MustCompile(`([\w()/-]+)@([0-9]+(?:\.[0-9]+){3}:[0-9]+)`)
	onlyAddress    = regexp.MustCompile(`[0-9]+(?:\.[0-9]+){3}:[0-9]+`)
	// principal are the actors that a process is called after.
	principal = regexp.MustCompile(`^(master|slave\(1\)|scheduler-.*|executor\(1\))$`)
)

// Conversation returns the messages since the cluster was ready, with the names of their senders in place of addresses,
// and whole seconds in place of times. Of what was said at one instant, the order is chance, and it is sorted; only what
// one says to another about one task stays as it was. What was said again before anything else was is left out.
func (c *Cluster) Conversation() string {
	lines := strings.SplitAfter(strings.TrimSuffix(c.World.Log()[c.prelude:], "\n"), "\n")
	for i, line := range lines {
		lines[i] = c.withNames(strings.TrimSuffix(line, "\n"))
	}
	slices.SortStableFunc(lines, func(x, y string) int { return strings.Compare(subject(x), subject(y)) })
	var b strings.Builder
	last := ""
	for _, line := range lines {
		stamp, rest, _ := strings.Cut(line, ".")
		if _, rest, _ = strings.Cut(rest, " "); rest == last {
			continue
		}
		last = rest
		fmt.Fprintf(&b, "%5ss %s\n", strings.TrimSpace(stamp), rest)
	}
	return b.String()
}

// subject is the beginning of a line: the time, the sender, the receiver, and the task.
func subject(line string) string {
	words := strings.Fields(line)
	return line[:timeWidth] + strings.Join(words[:min(len(words), 6)], " ")
}

// timeWidth is that of the time in the world's log.
const timeWidth = 12

func (c *Cluster) withNames(line string) string {
	line = actorAtAddress.ReplaceAllStringFunc(line, func(pid string) string {
		actor, addr, _ := strings.Cut(pid, "@")
		return c.named(runtime.PID{ID: actor, Addr: addr})
	})
	return onlyAddress.ReplaceAllStringFunc(line, func(addr string) string {
		return cmp.Or(c.names[addr], addr)
	})
}

// named is what people call p.
func (c *Cluster) named(p runtime.PID) string {
	name, known := c.names[p.Addr]
	switch {
	case !known:
		return p.String()
	case principal.MatchString(p.ID):
		return name
	}
	return name + "/" + p.ID
}
