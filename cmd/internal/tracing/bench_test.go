package tracing_test

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/program"
	"meseta/cmd/internal/tracing"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/trace"
)

// full is a cluster of nodes whose rings are full.
type full map[string]*runtime.Node

func (f full) Nodes(context.Context) ([]string, error) {
	var all []string
	for addr := range f {
		all = append(all, addr)
	}
	return all, nil
}

func (f full) Get(_ context.Context, node, path string, _ bool) ([]byte, error) {
	u, err := url.Parse(path)
	if err != nil {
		return nil, err
	}
	n := f[node]
	q, err := trace.ParseQuery(u.Query(), n.Clock().Now())
	if err != nil {
		return nil, err
	}
	return program.Lens.Lines(q.Select(n.Trace().Events(), program.Lens)), nil
}

func (f full) Follow(context.Context, string, string, bool) (io.ReadCloser, error) {
	return nil, io.EOF
}

// teller tells itself of updates.
type teller struct{ runtime.Actor }

func (s *teller) Initialize() {
	runtime.Install(s, func(runtime.PID, *internalpb.StatusUpdateMessage) {})
}

// update is about one of a thousand tasks.
func update(i int) proto.Message {
	text := func(format string) *string { return proto.String(fmt.Sprintf(format, i%1000)) }
	return &internalpb.StatusUpdateMessage{Update: &internalpb.StatusUpdate{
		FrameworkId: &mesospb.FrameworkID{Value: text("framework-%d")}, ExecutorId: &mesospb.ExecutorID{Value: text("executor-%d")},
		SlaveId: &mesospb.SlaveID{Value: text("agent-%d")}, Timestamp: proto.Float64(1), Uuid: fmt.Appendf(nil, "%016d", i),
		Status: &mesospb.TaskStatus{TaskId: &mesospb.TaskID{Value: text("task-%d")}, State: mesospb.TaskState_TASK_RUNNING.Enum()},
	}}
}

// BenchmarkTrace asks three nodes, which remember as many events as they do by default, for the trace of a task.
func BenchmarkTrace(b *testing.B) {
	const remembered = 16384
	c := full{}
	for range 3 {
		n := runtimetest.Node(b, func(o *runtime.Options) { o.TraceRing = remembered })
		t := runtimetest.Spawn(b, n, "teller", &teller{})
		sent := runtime.Dispatch(t, func(s *teller) struct{} {
			for i := range remembered {
				s.Send(s.Self(), update(i))
			}
			return struct{}{}
		})
		if _, err := runtime.Wait(b.Context(), sent); err != nil {
			b.Fatal(err)
		}
		if _, err := runtime.Wait(b.Context(), runtime.Dispatch(t, func(*teller) struct{} { return struct{}{} })); err != nil {
			b.Fatal(err) // all are handled now
		}
		c[n.Addr()] = n
	}
	for b.Loop() {
		var out strings.Builder
		cmd := tracing.TraceCommand(c, &out, io.Discard)
		cmd.SetArgs([]string{"task", "task-7"})
		if err := cmd.ExecuteContext(b.Context()); err != nil || strings.Count(out.String(), "task-7 ") < 3*5 {
			b.Fatalf("%v, %s", err, out.String())
		}
	}
}
