package simcluster_test

import (
	"strings"
	"testing"

	"meseta/cmd/internal/suites/simcluster"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// said is one update (a small letter) or acknowledgement (a capital) of a conversation between an agent and its master. The
// second letter of an update is the state in which it is told; that of an acknowledgement is x if the agent gives it to an executor.
func said(what string) runtime.Envelope {
	uuid := []byte(strings.ToLower(what[:1]))
	master, agent := runtime.PID{ID: "master", Addr: "10.0.0.1:5050"}, runtime.PID{ID: "slave(1)", Addr: "10.0.2.1:5051"}
	if what[0] < 'a' {
		from, to := master, agent
		if what[1:] == "x" {
			from, to = agent, runtime.PID{ID: "executor(1)", Addr: "10.0.2.1:40000"}
		}
		return runtime.Envelope{From: from, To: to, Message: &internalpb.StatusUpdateAcknowledgementMessage{
			SlaveId: ids.Agent("s").Proto(), FrameworkId: ids.Framework("f").Proto(), TaskId: ids.Task("t").Proto(), Uuid: uuid,
		}}
	}
	status := &mesospb.TaskStatus{TaskId: ids.Task("t").Proto(), State: mesospb.TaskState_TASK_RUNNING.Enum(), Uuid: uuid}
	switch what[1:] {
	case "f":
		status.State = mesospb.TaskState_TASK_FINISHED.Enum()
	case "?":
		status.State, status.Reason = mesospb.TaskState_TASK_DROPPED.Enum(), mesospb.TaskStatus_REASON_RECONCILIATION.Enum()
	}
	return runtime.Envelope{From: agent, To: master, Message: &internalpb.StatusUpdateMessage{Update: &internalpb.StatusUpdate{
		SlaveId: ids.Agent("s").Proto(), FrameworkId: ids.Framework("f").Proto(), Status: status, Uuid: uuid,
	}}}
}

func TestUpdatesAreFollowed(t *testing.T) {
	t.Parallel()
	for conversation, want := range map[string]string{
		"a A b B c C":   "",
		"a a A A b b B": "",
		"a A a A b B":   "",
		"a? b? B c":     "never acknowledged",
		"a? b? A":       "",
		"a b A B":       "is sent before",
		"a A b a B":     "is sent again after",
		"a af A":        "is sent again as",
		"a A b":         "never acknowledged",
		"a A A":         "was sent 1 times and is acknowledged 2 times",
		"a a A b B A":   "is acknowledged after",
		"a B A":         "that was never sent",
		"A":             "that was never sent",
		"a ! b B":       "",
		"a !":           "",
		"a ! a A b B":   "",
		"a ! a":         "never acknowledged",
		"a Ax ! b A B":  "is sent before",
		"af ! b A B":    "is sent before",
	} {
		var u simcluster.Updates
		for what := range strings.FieldsSeq(conversation) {
			if what == "!" {
				u.Ended("10.0.2.1:5051")
			} else {
				u.Observe(said(what))
			}
		}
		problems := u.Problems(true)
		if want == "" && len(problems) > 0 || want != "" && (len(problems) != 1 || !strings.Contains(problems[0], want)) {
			t.Errorf("%s: %q, want %q", conversation, problems, want)
		}
	}
}
