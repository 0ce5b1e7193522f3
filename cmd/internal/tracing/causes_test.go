package tracing_test

import (
	"fmt"
	"strings"
	"testing"
)

// record is an event of a node, as /trace shows it: its id is of the node and counts.
func record(node string, n int, cause, event, from, to, name, about string) string {
	return fmt.Sprintf(`{"id":"%s","cause":%q,"time":"2024-01-01T00:00:%02dZ","event":%q,"what":"message","from":%q,"to":%q,"name":%q,"about":[%q]}`+"\n",
		id(node, n), cause, n, event, from, to, name, about)
}

func id(node string, n int) string { return fmt.Sprintf("000000000000000%s%016x", node, n) }

// An agent that registers again is told so, and then sends an update again. Of the three messages the middle one is not about the
// task: the master returns it when it is asked what led to the update.
func TestCausesAreAskedForThatAreAboutSomethingElse(t *testing.T) {
	t.Parallel()
	const m, a = "master@10.0.0.1:5050", "slave(1)@10.0.0.2:5051"
	again := record("b", 1, "", "send", a, m, "ReregisterSlaveMessage", "task:t") // from the agent
	heard := record("a", 2, id("b", 1), "enqueue", a, m, "ReregisterSlaveMessage", "task:t") +
		record("a", 3, id("a", 2), "deliver", a, m, "ReregisterSlaveMessage", "task:t")
	told := record("a", 4, id("a", 3), "send", m, a, "SlaveReregisteredMessage", "agent:s")
	sent := record("b", 5, id("a", 4), "enqueue", m, a, "SlaveReregisteredMessage", "agent:s") +
		record("b", 6, id("b", 5), "deliver", m, a, "SlaveReregisteredMessage", "agent:s") +
		record("b", 7, id("b", 6), "send", a, m, "StatusUpdateMessage", "task:t")
	c := &cluster{nodes: map[string]string{
		agent: again + sent, master: heard, master + "/trace?effect=" + id("a", 4): heard + told,
	}}
	const want = `  0.000000  slave(1) → master  ReregisterSlaveMessage  [arrived after 1s, waited 1s, its turn is not over]
  3.000000    master → slave(1)  SlaveReregisteredMessage  [arrived after 1s, waited 1s, its turn is not over]
  6.000000      slave(1) → master  StatusUpdateMessage  [not seen to arrive]
`
	if out, complaints, err := run(t, c, "task", "t"); err != nil || complaints != "" || out != want {
		t.Errorf("%v, %s\ngot\n%swant\n%s", err, complaints, out, want)
	}
	if asked := strings.Count(strings.Join(c.asked, "\n"), "effect="); asked != 1 {
		t.Errorf("%d questions about causes in %q; want one", asked, c.asked)
	}
}

// What nobody remembers any more is asked for once, of those that may have forgotten it.
func TestCausesThatNobodyRemembers(t *testing.T) {
	t.Parallel()
	c := &cluster{nodes: map[string]string{
		agent:  record("b", 1, id("d", 9), "deliver", "x@10.0.0.2:5051", "slave(1)@10.0.0.2:5051", "M", "task:t"),
		master: "",
	}}
	if out, _, err := run(t, c, "task", "t"); err != nil || strings.Count(out, "\n") != 1 {
		t.Errorf("%v, %s", err, out)
	}
	var asked []string
	for _, a := range c.asked {
		if strings.Contains(a, "effect=") {
			asked = append(asked, a)
		}
	}
	if len(asked) != 1 || asked[0] != master+"/trace?effect="+id("d", 9) {
		t.Errorf("asked %q; want the master, once", asked)
	}
}
