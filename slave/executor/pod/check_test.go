package pod

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/health"
	"meseta/messages/ids"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/slave/executor"
)

// agent is the connection to an agent that runs check commands, and records its calls.
type agent struct {
	executor.HTTP
	asked  []string
	refuse error
	hang   bool
	status int32
}

func (a *agent) ask(call string, id *mesospb.ContainerID) {
	a.asked = append(a.asked, fmt.Sprintf("%s %s", call, ids.ContainerOf(id)))
}

func (a *agent) Session(_ runtime.Behavior, c *agentpb.Call) runtime.Future[struct{}] {
	a.ask("session", c.GetLaunchNestedContainerSession().GetContainerId())
	switch {
	case a.refuse != nil:
		return runtime.Failed[struct{}](a.refuse)
	case a.hang:
		p := runtime.NewPromise[struct{}]()
		p.OnDiscard(func() { p.Fail(io.ErrUnexpectedEOF) })
		return p.Future()
	}
	return runtime.Ready(struct{}{})
}

func (a *agent) Operate(_ runtime.Behavior, c *agentpb.Call) runtime.Future[*agentpb.Response] {
	if x := c.GetRemoveNestedContainer(); x != nil {
		a.ask("remove", x.GetContainerId())
	} else {
		a.ask("wait", c.GetWaitNestedContainer().GetContainerId())
	}
	return runtime.Ready(&agentpb.Response{WaitNestedContainer: &agentpb.Response_WaitNestedContainer{ExitStatus: &a.status}})
}

// A check command runs in a debug container inside the task's container, which is removed afterwards.
func TestCommandChecks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		agent agent
		found string
	}{
		{"success", agent{}, "0s exit 0"},
		{"failure", agent{status: 3 << 8}, "0s exit 3"},
		{"a signal", agent{status: 9}, ""},
		{"an agent that is away", agent{refuse: errors.New("away")}, ""},
		{"no end", agent{hang: true}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := sim.New(1)
			t.Cleanup(func() { runtimetest.End(t, w) })
			start := w.Now()
			var found []string
			info := &mesospb.CheckInfo{
				Type:         mesospb.CheckInfo_COMMAND.Enum(),
				Command:      &mesospb.CheckInfo_Command{Command: &mesospb.CommandInfo{Value: proto.String("test")}},
				DelaySeconds: proto.Float64(0),
			}
			_, err := health.Spawn(w.Node("10.0.0.3:1"), info, &prober{http: &c.agent, container: "c.n"}, func(s *mesospb.CheckStatusInfo) {
				found = append(found, fmt.Sprintf("%s exit %d", w.Now().Sub(start), s.GetCommand().GetExitCode()))
			})
			if err != nil {
				t.Fatal(err)
			}
			w.Advance(25 * time.Second)
			if got := strings.Join(found, ", "); got != c.found {
				t.Errorf("found %q, want %q", got, c.found)
			}
			if got := strings.Join(c.agent.asked[:3], ", "); got != "session c.n.check-1, wait c.n.check-1, remove c.n.check-1" {
				t.Errorf("asked %q", got)
			}
		})
	}
}
