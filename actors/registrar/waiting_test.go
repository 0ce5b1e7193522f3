package registrar_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/actors/metrics"
	"meseta/actors/registrar"
	"meseta/messages/ids"
	"meseta/messages/pb/maintenancepb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/quotapb"
	"meseta/messages/pb/registrypb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

// operations are one of each kind, and each changes the registry of a master that knows [known].
var operations = []registrar.Operation{
	registrar.AdmitAgent{Info: info("new")},
	registrar.UpdateAgent{Info: &mesospb.SlaveInfo{Hostname: proto.String("other"), Id: ids.Agent("here").Proto()}},
	registrar.MarkUnreachable{Info: info("here"), Since: since(1)},
	registrar.MarkReachable{Info: info("lost")},
	registrar.RemoveAgent{ID: "here"},
	registrar.MarkGone{ID: "here", Since: since(1)},
	registrar.Prune{Unreachable: []ids.Agent{"lost"}},
	registrar.UpdateWeights{Weights: []*mesospb.WeightInfo{{Role: proto.String("r"), Weight: proto.Float64(2)}}},
	registrar.UpdateQuotas{Quotas: []*quotapb.QuotaConfig{{Role: proto.String("r"), Limits: map[string]*mesospb.Value_Scalar{"cpus": {Value: proto.Float64(1)}}}}},
	registrar.DeactivateAgent{ID: "here"},
	registrar.MarkDrained{ID: "drains"},
	registrar.ReactivateAgent{ID: "idle"},
	registrar.UpdateSchedule{Schedule: &maintenancepb.Schedule{}},
	registrar.StartMaintenance{Machines: machines("plans")},
	registrar.StopMaintenance{Machines: machines("down")},
}

func machines(host string) []*mesospb.MachineID {
	return []*mesospb.MachineID{{Hostname: proto.String(host)}}
}

// known is a registry in which each kind of operation has something to change.
func known(t *testing.T) *registrar.Memory {
	t.Helper()
	draining := &mesospb.DrainInfo{State: mesospb.DrainState_DRAINING.Enum(), Config: &mesospb.DrainConfig{}}
	memory := &registrar.Memory{}
	err := registrar.Fill(t.Context(), memory, &registrypb.Registry{
		Slaves: &registrypb.Registry_Slaves{Slaves: []*registrypb.Registry_Slave{
			{Info: info("here")}, {Info: info("idle"), Deactivated: proto.Bool(true)},
			{Info: info("drains"), Deactivated: proto.Bool(true), DrainInfo: draining},
		}},
		Unreachable: &registrypb.Registry_UnreachableSlaves{Slaves: []*registrypb.Registry_UnreachableSlave{
			{Id: ids.Agent("lost").Proto(), Timestamp: since(1)},
		}},
		Machines: &registrypb.Registry_Machines{Machines: []*registrypb.Registry_Machine{
			{Info: &mesospb.MachineInfo{Id: machines("plans")[0], Mode: mesospb.MachineInfo_DRAINING.Enum()}},
			{Info: &mesospb.MachineInfo{Id: machines("down")[0], Mode: mesospb.MachineInfo_DOWN.Enum()}},
		}},
		Schedules: []*maintenancepb.Schedule{{Windows: []*maintenancepb.Window{{
			MachineIds: append(machines("plans"), machines("down")...), Unavailability: &mesospb.Unavailability{Start: since(1)},
		}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return memory
}

// stuck is a registry in which a master can announce itself, and nothing else comes to an end by itself.
type stuck struct {
	memory *registrar.Memory
	writes int // that were tried
	end    runtime.Promise[struct{}]
}

func (s *stuck) Close() error { return nil }

func (s *stuck) Lead() runtime.Future[registrar.Led] {
	term, records, err := s.memory.Lead(context.Background())
	if err != nil {
		return runtime.Failed[registrar.Led](err)
	}
	return runtime.Ready(registrar.Led{Term: term, Records: records})
}

func (s *stuck) Commit(registrar.Term, []registrar.Change) runtime.Future[struct{}] {
	if s.writes++; s.writes == 1 {
		return runtime.Ready(struct{}{})
	}
	return s.end.Future()
}

// kinds are the types of operations in the source of this package: those that masters can ask for.
func kinds(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	parsed, err := parser.ParseDir(token.NewFileSet(), ".", func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range parsed["registrar"].Files {
		for _, d := range f.Decls {
			if method, ok := d.(*ast.FuncDecl); ok && method.Recv != nil && method.Name.Name == "perform" {
				if kind, ok := method.Recv.List[0].Type.(*ast.Ident); ok && kind.IsExported() {
					found[kind.Name] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// waiter is a registrar that has recovered, and whose next write does not come to an end.
type waiter struct {
	world *sim.World
	node  *runtime.Node
	stuck *stuck
	ref   runtime.Ref[*registrar.Registrar]
}

func newWaiter(t *testing.T) *waiter {
	t.Helper()
	w := &waiter{world: runtimetest.World(t, 1), stuck: &stuck{memory: known(t), end: runtime.NewPromise[struct{}]()}}
	w.node = w.world.Node("10.0.0.1:5050")
	if _, err := metrics.Spawn(w.node, metrics.Options{}); err != nil {
		t.Fatal(err)
	}
	w.ref = runtimetest.Spawn(t, w.node, "registrar", registrar.NewReplicated(w.stuck, registrar.Defaults()))
	leader := &mesospb.MasterInfo{Id: proto.String("m"), Ip: proto.Uint32(0), Port: proto.Uint32(1)}
	if _, err := sim.Await(w.world, registrar.Recover(w.ref, leader), 0); err != nil {
		t.Fatal(err)
	}
	return w
}

// Whatever waits for a write is refused when the lead is lost, when nothing is heard of the write for long, and when the registrar ends; what
// is asked for afterwards is refused at once. This holds for every operation that there is.
func TestEveryOperationEnds(t *testing.T) {
	t.Parallel()
	var listed []string
	for _, op := range operations {
		listed = append(listed, reflect.TypeOf(op).Name())
	}
	if slices.Sort(listed); !slices.Equal(listed, kinds(t)) {
		t.Errorf("tried are %v, there are %v", listed, kinds(t))
	}
	for how, end := range map[string]func(*waiter){
		"lead lost": func(w *waiter) { w.stuck.end.Fail(registrar.ErrLost) },
		"silence":   func(w *waiter) { w.world.Advance(registrar.Defaults().StoreTimeout) },
		"end":       func(w *waiter) { w.node.Terminate(w.ref.PID()) },
	} {
		for _, op := range operations {
			t.Run(how+" "+reflect.TypeOf(op).Name(), func(t *testing.T) {
				t.Parallel()
				w := newWaiter(t)
				first, second := registrar.Apply(w.ref, op), registrar.Apply(w.ref, op)
				w.world.Settle()
				if _, done, err := first.Peek(); done || w.stuck.writes != 2 {
					t.Fatalf("after %d writes, of which the last one has not ended, it is done %t: %v", w.stuck.writes, done, err)
				}
				end(w)
				w.world.Settle()
				late := registrar.Apply(w.ref, op)
				w.world.Settle()
				for name, f := range map[string]runtime.Future[bool]{"written": first, "next": second, "late": late} {
					if _, done, err := f.Peek(); !done || err == nil {
						t.Errorf("the %s one has ended %t, with %v", name, done, err)
					}
				}
			})
		}
	}
}
