package command_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/sim"
	"meseta/slave/executor/command"
	"meseta/slave/executor/executortest"
)

// ports is a prober whose TCP checks have the listed results, in order.
type ports []bool

func (p *ports) Connect(runtime.Behavior, string) runtime.Future[bool] {
	next := (*p)[0]
	if len(*p) > 1 {
		*p = (*p)[1:]
	}
	return runtime.Ready(next)
}

func (*ports) Get(runtime.Behavior, string) runtime.Future[int] { panic("not asked") }

func (*ports) Command(runtime.Behavior, *mesospb.CommandInfo) runtime.Future[int] { panic("not asked") }

// updates returns what the agent received: state, reason, health, and the result of the check.
func (w *world) updates() []string {
	w.t.Helper()
	all, err := sim.Await(w.World, runtime.Dispatch(w.agent, func(a *executortest.Agent) (lines []string) {
		for _, u := range a.Updates {
			s := u.GetStatus()
			line := strings.TrimPrefix(s.GetState().String(), "TASK_")
			if s.Reason != nil {
				line += " " + strings.TrimPrefix(s.GetReason().String(), "REASON_TASK_")
			}
			if s.Healthy != nil {
				line += fmt.Sprintf(" healthy=%t", s.GetHealthy())
			}
			if c := s.GetCheckStatus(); c != nil && c.GetTcp().Succeeded == nil {
				line += " unchecked"
			} else if c != nil {
				line += fmt.Sprintf(" open=%t", c.GetTcp().GetSucceeded())
			}
			lines = append(lines, line)
		}
		return lines
	}), time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) wants(lines ...string) {
	w.t.Helper()
	if got, want := strings.Join(w.updates(), "\n"), strings.Join(lines, "\n"); got != want {
		w.t.Errorf("told\n%s\nwant\n%s", got, want)
	}
}

// A task is killed after three failed health checks in a row, and its terminal update is unhealthy.
func TestHealthCheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t, command.Options{Prober: &ports{true, true, false}})
	w.tell(func(a *executortest.Agent) {
		a.Run(sleep(func(t *mesospb.TaskInfo) {
			t.HealthCheck = &mesospb.HealthCheck{
				Type: mesospb.HealthCheck_TCP.Enum(), Tcp: &mesospb.HealthCheck_TCPCheckInfo{Port: proto.Uint32(80)},
			}
		}))
	})
	w.Advance(time.Minute)
	const reason = "RUNNING HEALTH_CHECK_STATUS_UPDATED "
	told := []string{"STARTING", "RUNNING", reason + "healthy=true", reason + "healthy=false", reason + "healthy=false", reason + "healthy=false"}
	w.wants(told...)
	if len(w.launcher.signals) == 0 || w.launcher.signals[0] != "terminated after 55s" {
		t.Errorf("signals %q", w.launcher.signals)
	}
	w.exit(syscall.WaitStatus(syscall.SIGTERM))
	w.wants(append(told, "KILLED healthy=false")...)
}

// The result of a check is reported when it changes. All other updates contain it as well.
func TestCheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t, command.Options{Prober: &ports{true, true, false}}, mesospb.FrameworkInfo_Capability_TASK_KILLING_STATE)
	w.tell(func(a *executortest.Agent) {
		a.Run(sleep(func(t *mesospb.TaskInfo) {
			t.Check = &mesospb.CheckInfo{
				Type: mesospb.CheckInfo_TCP.Enum(), Tcp: &mesospb.CheckInfo_Tcp{Port: proto.Uint32(80)},
			}
		}))
	})
	w.Advance(time.Minute)
	w.tell(func(a *executortest.Agent) { a.Kill("t1", nil) })
	w.exit(syscall.WaitStatus(syscall.SIGTERM))
	w.wants("STARTING unchecked", "RUNNING unchecked", "RUNNING CHECK_STATUS_UPDATED open=true",
		"RUNNING CHECK_STATUS_UPDATED open=false", "KILLING unchecked", "KILLED unchecked")
}

// A check command runs like the task's command, and its exit status is the result.
func TestRealCommandCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	states, last := runTask(t, sleep(func(t *mesospb.TaskInfo) {
		t.Command.Value = proto.String("trap 'exit 7' TERM; while [ -d '" + dir + "' ]; do sleep 0.01; done")
		t.HealthCheck = &mesospb.HealthCheck{
			Type: mesospb.HealthCheck_COMMAND.Enum(), Command: &mesospb.CommandInfo{Value: proto.String("exit 3")},
			DelaySeconds: proto.Float64(0), IntervalSeconds: proto.Float64(0), GracePeriodSeconds: proto.Float64(0),
		}
	}), nil)
	if !strings.HasSuffix(states, "TASK_RUNNING TASK_KILLED") || last.GetHealthy() || last.Healthy == nil {
		t.Errorf("told %s, %v", states, last)
	}
}
