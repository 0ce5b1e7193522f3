package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/slave/containerizer/docker/engine"
	"meseta/slave/executor"
	"meseta/slave/executor/executortest"
)

// fake is an engine whose containers start and end when the test says so.
type fake struct {
	now     func() time.Time
	begun   time.Time
	started func(*engine.Container)
	ended   runtime.Promise[int]
	refuse  error
	request *engine.Create
	stops   []string // with the seconds since the launch
}

func (f *fake) Run(_ runtime.Behavior, _ string, r *engine.Create, started func(*engine.Container)) runtime.Future[int] {
	f.request, f.started = r, started
	if f.refuse != nil {
		return runtime.Failed[int](f.refuse)
	}
	return f.ended.Future()
}

func (f *fake) Stop(_ runtime.Behavior, name string, grace time.Duration) runtime.Future[struct{}] {
	f.stops = append(f.stops, fmt.Sprintf("%s within %v after %v", name, grace, f.now().Sub(f.begun).Round(time.Second)))
	return runtime.Ready(struct{}{})
}

func (*fake) Exec(runtime.Behavior, string, []string, []string) runtime.Future[int] {
	panic("no checks")
}

type world struct {
	*sim.World
	t      *testing.T
	agent  runtime.Ref[*executortest.Agent]
	driver *executor.Driver
	engine *fake
}

func newWorld(t *testing.T, capabilities ...mesospb.FrameworkInfo_Capability_Type) *world {
	t.Helper()
	w := &world{World: sim.New(1), t: t}
	t.Cleanup(func() { runtimetest.End(t, w.World) })
	var err error
	if w.agent, err = runtime.Spawn(w.Node("10.0.0.3:5051"), "slave(1)", &executortest.Agent{Capabilities: capabilities}); err != nil {
		t.Fatal(err)
	}
	w.engine = &fake{now: w.Now, begun: w.Now(), ended: runtime.NewPromise[int]()}
	o := Options{Engine: w.engine, Container: "mesos-c1", Sandbox: "/sandbox", Mapped: "/mnt/mesos/sandbox", Environment: map[string]string{"H": "hook"}}
	w.driver, err = Start(w.Node("10.0.0.3:40000"), o, executortest.Environment(w.agent.PID()), executor.Options{Die: func() {}})
	if err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Second)
	w.engine.begun = w.Now()
	return w
}

func (w *world) tell(f func(*executortest.Agent)) {
	runtime.Tell(w.agent, f)
	w.Advance(time.Second)
}

// starts starts the container, whose description is text.
func (w *world) starts(text string) {
	c := &engine.Container{Raw: []byte(text)}
	if err := json.Unmarshal(c.Raw, c); err != nil {
		w.t.Fatal(err)
	}
	w.engine.started(c)
	w.Advance(time.Second)
}

func (w *world) exits(status int) {
	w.engine.ended.Set(status)
	w.Advance(time.Second)
}

// told returns all updates that the agent received.
func (w *world) told() (states string, all []*mesospb.TaskStatus) {
	w.t.Helper()
	all, err := sim.Await(w.World, runtime.Dispatch(w.agent, func(a *executortest.Agent) (all []*mesospb.TaskStatus) {
		for _, u := range a.Updates {
			all = append(all, u.GetStatus())
		}
		return all
	}), time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, s := range all {
		names = append(names, strings.TrimPrefix(s.GetState().String(), "TASK_"))
	}
	return strings.Join(names, " "), all
}

func box(change func(*mesospb.TaskInfo)) *mesospb.TaskInfo {
	t := &mesospb.TaskInfo{
		Name: proto.String("t1"), TaskId: ids.Task("t1").Proto(), SlaveId: ids.Agent("a1").Proto(), Command: &mesospb.CommandInfo{Value: proto.String("run")},
		Container: &mesospb.ContainerInfo{
			Type: mesospb.ContainerInfo_DOCKER.Enum(), Docker: &mesospb.ContainerInfo_DockerInfo{Image: proto.String("box")},
		},
	}
	if change != nil {
		change(t)
	}
	return t
}

const running = `{"Id":"0123","Name":"/mesos-c1","State":{"Running":true,"Pid":0,"StartedAt":"2026-11-26T23:42:55Z"},"HostConfig":{"NetworkMode":"bridge"},` +
	`"NetworkSettings":{"IPAddress":"172.17.0.2","Networks":{"bridge":{"IPAddress":"172.17.0.2","GlobalIPv6Address":"fe80::2"}}}}`

func TestEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		status  int
		kill    bool
		states  string
		message string
	}{
		{"success", 0, false, "STARTING RUNNING FINISHED", "Container exited with status 0"},
		{"failure", 9, false, "STARTING RUNNING FAILED", "Container exited with status 9"},
		{"kill", 137, true, "STARTING RUNNING KILLED", "Container exited with status 137"},
	} {
		w := newWorld(t)
		w.tell(func(a *executortest.Agent) { a.Run(box(nil)) })
		w.starts(running)
		if c.kill {
			w.tell(func(a *executortest.Agent) { a.Kill("t1", nil) })
		}
		w.exits(c.status)
		states, all := w.told()
		if last := all[len(all)-1]; states != c.states || last.GetMessage() != c.message || w.driver.Status() != executor.Stopped {
			t.Errorf("%s: told %s, %q; %s", c.name, states, last.GetMessage(), w.driver.Status())
		}
		r := all[1]
		want := `[{"ip_address":"172.17.0.2"},{"ip_address":"fe80::2","protocol":"IPv6"}]`
		got := r.GetContainerStatus().GetNetworkInfos()[0].GetIpAddresses()
		if len(got) != 2 || got[0].GetIpAddress() != "172.17.0.2" || got[1].GetIpAddress() != "fe80::2" || got[1].GetProtocol() != mesospb.NetworkInfo_IPv6 {
			t.Errorf("addresses %v, want %s", got, want)
		}
		if r := w.engine.request; r.Image != "box" || r.Cmd[1] != "run" || !strings.Contains(fmt.Sprint(r.Env), "H=hook") {
			t.Errorf("asked for %+v", r)
		}
	}
}

// The data of TASK_RUNNING is what docker inspect prints, byte by byte, as it was recorded.
func TestDataIsTheDescription(t *testing.T) {
	t.Parallel()
	const folder = "MESETA_SHARED"
	recorded, err := os.ReadFile(filepath.Join(os.Getenv(folder), "golden/docker/1-run-docker-inspect.json"))
	if os.Getenv(folder) == "" || err != nil {
		t.Skip("no recordings here")
	}
	var all []json.RawMessage
	if err := json.Unmarshal(recorded, &all); err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		var compact strings.Builder
		encoder := json.NewEncoder(&compact)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(one); err != nil {
			t.Fatal(err)
		}
		text := string(describe(&engine.Container{Raw: []byte(compact.String())}))
		inner := strings.TrimSuffix(strings.TrimPrefix(text, "[\n"), "\n]\n")
		if len(inner) < 5000 || !strings.Contains(string(recorded), inner) {
			t.Errorf("described as\n%s", text)
		}
	}
}

// The grace period is that of the kill, or of the task, or of the agent. What cannot be stopped yet is stopped when it runs.
func TestKills(t *testing.T) {
	t.Parallel()
	policy := func(d time.Duration) *mesospb.KillPolicy {
		return &mesospb.KillPolicy{GracePeriod: &mesospb.DurationInfo{Nanoseconds: proto.Int64(int64(d))}}
	}
	for _, c := range []struct {
		name  string
		task  *mesospb.KillPolicy
		early bool
		do    func(*executortest.Agent)
		want  string
	}{
		{"by default", nil, false, func(a *executortest.Agent) { a.Kill("t1", nil) }, "mesos-c1 within 5s after 2s"},
		{"as the task says", policy(2 * time.Second), false, func(a *executortest.Agent) { a.Kill("t1", nil) }, "mesos-c1 within 2s after 2s"},
		{"as the kill says", policy(time.Hour), false, func(a *executortest.Agent) { a.Kill("t1", policy(7*time.Second)) }, "mesos-c1 within 7s after 2s"},
		{"by shutdown", nil, false, func(a *executortest.Agent) { a.Shutdown() }, "mesos-c1 within 3s after 2s"},
		{"before it runs", nil, true, func(a *executortest.Agent) { a.Kill("t1", nil) }, "mesos-c1 within 5s after 2s"},
		{"another task", nil, false, func(a *executortest.Agent) { a.Kill("t2", nil) }, ""},
	} {
		w := newWorld(t, mesospb.FrameworkInfo_Capability_TASK_KILLING_STATE)
		w.tell(func(a *executortest.Agent) { a.Run(box(func(t *mesospb.TaskInfo) { t.KillPolicy = c.task })) })
		if !c.early {
			w.starts(running)
		}
		w.tell(c.do)
		if c.early {
			w.starts(running)
		}
		if got := strings.Join(w.engine.stops, ", "); got != c.want {
			t.Errorf("%s: stopped %q, want %q", c.name, got, c.want)
		}
		w.exits(137)
		states, _ := w.told()
		want := "STARTING RUNNING KILLING KILLED"
		switch {
		case c.early:
			want = "STARTING KILLING KILLED"
		case c.want == "":
			want = "STARTING RUNNING FAILED"
		}
		if states != want {
			t.Errorf("%s: told %s, want %s", c.name, states, want)
		}
	}
}

// A container that never starts is stopped all the same.
func TestStartOverdue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tell(func(a *executortest.Agent) { a.Run(box(nil)) })
	w.tell(func(a *executortest.Agent) { a.Kill("t1", nil) })
	w.Advance(10 * time.Second)
	if got := strings.Join(w.engine.stops, ", "); got != "mesos-c1 within 5s after 6s" {
		t.Errorf("stopped %q", got)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	t.Run("a second task", func(t *testing.T) {
		w := newWorld(t)
		w.tell(func(a *executortest.Agent) {
			a.Run(box(nil))
			a.Run(box(func(t *mesospb.TaskInfo) { t.TaskId = ids.Task("t2").Proto() }))
		})
		if _, all := w.told(); all[len(all)-1].GetMessage() != `Attempted to run multiple tasks using a "docker" executor` {
			t.Errorf("told %v", all)
		}
	})
	t.Run("a bad container", func(t *testing.T) {
		w := newWorld(t)
		w.tell(func(a *executortest.Agent) { a.Run(box(func(t *mesospb.TaskInfo) { t.Container.Docker = nil })) })
		states, all := w.told()
		if states != "STARTING FAILED" || all[1].GetMessage() != "Failed to create docker run options: No docker info found in container info" {
			t.Errorf("told %v", all)
		}
	})
	t.Run("an engine that is lost", func(t *testing.T) {
		w := newWorld(t)
		w.engine.refuse = errors.New("lost")
		w.tell(func(a *executortest.Agent) { a.Run(box(nil)) })
		if states, all := w.told(); states != "STARTING FAILED" || all[1].GetMessage() != "Failed to get exit status of container: lost" {
			t.Errorf("told %v", all)
		}
	})
	t.Run("max_completion_time", func(t *testing.T) {
		w := newWorld(t)
		w.tell(func(a *executortest.Agent) {
			a.Run(box(func(t *mesospb.TaskInfo) {
				t.MaxCompletionTime = &mesospb.DurationInfo{Nanoseconds: proto.Int64(int64(time.Minute))}
			}))
		})
		w.starts(running)
		w.Advance(time.Hour)
		w.exits(137)
		states, all := w.told()
		if states != "STARTING RUNNING FAILED" || all[2].GetReason() != mesospb.TaskStatus_REASON_MAX_COMPLETION_TIME_REACHED {
			t.Errorf("told %v", all)
		}
		if got := strings.Join(w.engine.stops, ", "); got != "mesos-c1 within 0s after 1m0s" {
			t.Errorf("stopped %q", got)
		}
	})
}
