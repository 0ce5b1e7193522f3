package master_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/attributes"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime/web"
)

// recordedOperation is a request of golden/operations with its answer.
type recordedOperation struct {
	name, method, path, body string
	status                   int
	answer                   []byte
}

var operationLine = regexp.MustCompile(`^(\S+)  (GET|POST) http://127\.0\.0\.1:5050(\S*)(?:  body=(.*?))? -> HTTP/1\.1 (\d+)`)

func recordedOperations(t *testing.T, prefix string) []recordedOperation {
	t.Helper()
	folder := filepath.Join(shared(t), "golden", "operations")
	index, err := os.ReadFile(filepath.Join(folder, "INDEX.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var all []recordedOperation
	for line := range strings.Lines(string(index)) {
		m := operationLine.FindStringSubmatch(line)
		if m == nil || !strings.HasPrefix(m[1], prefix) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, m[1]))
		if err != nil {
			t.Fatal(err)
		}
		status, err := strconv.Atoi(m[5])
		if err != nil {
			t.Fatal(err)
		}
		_, answer, _ := bytes.Cut(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")), []byte("\n\n"))
		all = append(all, recordedOperation{m[1], m[2], m[3], m[4], status, answer})
	}
	if len(all) < 10 {
		t.Fatalf("only %d recordings of %s", len(all), prefix)
	}
	return all
}

// recordedCluster returns a cluster like that of the recordings, in which the master has the given ID.
func recordedCluster(t *testing.T, id string) (*mastertest.Cluster, *mastertest.Peer) {
	t.Helper()
	c := mastertest.New(t, mastertest.Config{
		Address: "127.0.0.1:5050", Configure: func(c *master.Config) { c.ID = id },
	})
	rs, err := resources.Parse("cpus:4;mem:4096;disk:8192;ports:[31000-32000]", "*")
	if err != nil {
		t.Fatal(err)
	}
	registration := mastertest.Registration("127.0.0.1:5051")
	registration.Slave.Hostname, registration.Slave.Resources = proto.String("localhost"), rs.Proto()
	if registration.Slave.Attributes, err = attributes.Parse("rack:r1;zone:z1"); err != nil {
		t.Fatal(err)
	}
	agent := c.Peer("agent", "slave(1)", "127.0.0.1:5051")
	agent.Say(registration)
	return c, agent
}

// finishAll reports as an agent that the operations which it was sent since the first n are finished.
func finishAll(c *mastertest.Cluster, agent *mastertest.Peer, n int) {
	c.Advance(100 * time.Millisecond)
	for i, op := range agent.Applied()[n:] {
		agent.Say(agent.OperationStatus(op, mesospb.OperationState_OPERATION_FINISHED, byte(n+i+1)))
	}
}

// The calls and endpoints by which operators reserve resources and create volumes answer in Mesos's words, what becomes of the agent's
// resources is the same, and so is what the agent is sent.
func TestRecordedOperations(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"1-operator-v1", "2-v0-endpoints"} {
		t.Run(prefix, func(t *testing.T) {
			t.Parallel()
			all := recordedOperations(t, prefix)
			id := regexp.MustCompile(`([-0-9a-f]{36})-S0`).FindStringSubmatch(all[0].body)[1]
			c, agent := recordedCluster(t, id)
			for _, r := range all {
				n := len(agent.Applied())
				r.replay(t, c)
				finishAll(c, agent, n)
			}
			acks := len(mastertest.All[*internalpb.AcknowledgeOperationStatusMessage](agent))
			if n := len(agent.Applied()); n < 6 || acks != n {
				t.Errorf("%d operations were sent, %d acknowledged", n, acks)
			}
			sameApplied(t, prefix, agent.Applied())
		})
	}
}

func (r *recordedOperation) replay(t *testing.T, c *mastertest.Cluster) {
	t.Helper()
	header := http.Header{}
	if r.method == http.MethodPost {
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if r.path == "/api/v1" {
		header.Set("Content-Type", "application/json")
	}
	if strings.Contains(r.path, "/metrics") || strings.Contains(r.path, "/state") {
		return
	}
	answer := c.Request(r.method, r.path, header, []byte(r.body))
	switch {
	case answer.Status != r.status:
		t.Errorf("%s: %d %s, not %d %s", r.name, answer.Status, answer.Body, r.status, r.answer)
	case r.status == http.StatusConflict:
		sameConflict(t, r, answer)
	case strings.HasSuffix(r.path, "/slaves") || strings.Contains(r.body, "GET_AGENTS"):
		sameAgents(t, r, answer)
	case strings.HasSuffix(r.path, "/roles"):
		sameReservations(t, r, answer)
	case strings.TrimSpace(string(answer.Body)) != strings.TrimSpace(string(r.answer)):
		t.Errorf("%s: %q, not %q", r.name, answer.Body, r.answer)
	}
}

// sameConflict compares "… does not contain …". What the agent had may be less in the recording, where offers were not all rescinded.
func sameConflict(t *testing.T, r *recordedOperation, answer *web.Response) {
	t.Helper()
	had, lacks, _ := strings.Cut(string(answer.Body), " does not contain ")
	wantHad, wantLacks, _ := strings.Cut(string(r.answer), " does not contain ")
	ours := strings.Split(had, "; ")
	for _, item := range strings.Split(wantHad, "; ") {
		if !slices.Contains(ours, item) {
			t.Errorf("%s: %s is not in %s", r.name, item, had)
		}
	}
	if sorted(lacks) != sorted(wantLacks) {
		t.Errorf("%s: it lacks %s, not %s", r.name, lacks, wantLacks)
	}
}

func sorted(list string) string {
	items := strings.Split(list, "; ")
	slices.Sort(items)
	return strings.Join(items, "; ")
}

// sameAgents compares the resources of agents, apart from those in offers, in whichever order they are listed.
func sameAgents(t *testing.T, r *recordedOperation, answer *web.Response) {
	t.Helper()
	for _, key := range []string{
		"resources", "reserved_resources", "unreserved_resources", "reserved_resources_full", "unreserved_resources_full", "total_resources",
	} {
		got, want := partOf(t, answer.Body, key), partOf(t, r.answer, key)
		if got != want {
			t.Errorf("%s: %s is\n%s\nnot\n%s", r.name, key, got, want)
		}
	}
}

// sameReservations compares what is reserved to roles.
func sameReservations(t *testing.T, r *recordedOperation, answer *web.Response) {
	t.Helper()
	if got, want := partOf(t, answer.Body, "reserved"), partOf(t, r.answer, "reserved"); got != want {
		t.Errorf("%s: %s is reserved, not %s", r.name, got, want)
	}
}

// partOf returns the members named key of a JSON text, with lists in a normal order.
func partOf(t *testing.T, text []byte, key string) string {
	t.Helper()
	var all any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	var found []string
	var walk func(any)
	walk = func(x any) {
		switch x := x.(type) {
		case []any:
			for _, each := range x {
				walk(each)
			}
		case map[string]any:
			for name, value := range x {
				if name == key {
					found = append(found, normal(t, value))
					continue
				}
				walk(value)
			}
		}
	}
	walk(all)
	slices.Sort(found)
	return strings.Join(found, "\n")
}

func normal(t *testing.T, x any) string {
	t.Helper()
	switch x := x.(type) {
	case []any:
		var texts []string
		for _, each := range x {
			texts = append(texts, normal(t, each))
		}
		slices.Sort(texts)
		return "[" + strings.Join(texts, ",") + "]"
	case map[string]any:
		var texts []string
		for name, each := range x {
			texts = append(texts, name+":"+normal(t, each))
		}
		slices.Sort(texts)
		return "{" + strings.Join(texts, ",") + "}"
	}
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sameApplied compares the operations that the agent was sent with those that were recorded, but for their random UUIDs.
func sameApplied(t *testing.T, prefix string, applied []*internalpb.ApplyOperationMessage) {
	t.Helper()
	timeline, err := os.ReadFile(filepath.Join(shared(t), "golden", "operations", prefix+"-wire-timeline.txt"))
	if err != nil {
		t.Fatal(err)
	}
	recorded := strings.Split(string(timeline), "--- decoded mesos.internal.ApplyOperationMessage:\n")[1:]
	if len(applied) != len(recorded) {
		t.Fatalf("%s: %d operations were sent, not %d", prefix, len(applied), len(recorded))
	}
	for i, text := range recorded {
		text, _, _ = strings.Cut(text, "\n\n")
		want := &internalpb.ApplyOperationMessage{}
		if err := prototext.Unmarshal([]byte(text), want); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		got := proto.CloneOf(applied[i])
		for _, m := range []*internalpb.ApplyOperationMessage{got, want} {
			m.OperationUuid, m.ResourceVersionUuid.Uuid = &mesospb.UUID{Value: []byte{}}, &mesospb.UUID{Value: []byte{}}
		}
		if !proto.Equal(got, want) {
			t.Errorf("%s: operation %d is %v, not %v", prefix, i, got, want)
		}
	}
}
