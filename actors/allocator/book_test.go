package allocator

import (
	"fmt"
	"math"
	goruntime "runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

func parsed(t *testing.T, text string) resources.Resources {
	t.Helper()
	rs, err := resources.Parse(text, "*")
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func known(id ids.Agent, total resources.Resources) Agent {
	return Agent{Info: &mesospb.SlaveInfo{Id: id.Proto(), Hostname: proto.String("h")}, Total: total}
}

func TestTotalsDoNotWrap(t *testing.T) {
	t.Parallel()
	b, huge := newBook(nil), parsed(t, "cpus:4;mem:9e15")
	one := b.addAgent(known("a", huge), nil)
	two := b.addAgent(known("b", huge), nil)
	if got := b.pool.total("mem"); got != math.MaxInt64 {
		t.Errorf("two agents have %v MB together", got)
	}
	b.removeAgent(one)
	if got, want := b.pool.total("mem"), huge.Mem(); got != want {
		t.Errorf("the one that is left has %v MB, want %v", got, want)
	}
	b.removeAgent(two)
	if got := b.pool.total("mem"); got != 0 {
		t.Errorf("no agent has %v MB", got)
	}
}

func TestHugeMemoryCountsForFairness(t *testing.T) {
	t.Parallel()
	b, huge := newBook(nil), parsed(t, "cpus:100;mem:9e15")
	used := map[ids.Framework]resources.Resources{"f": parsed(t, "cpus:1;mem:9e15").Allocate("r")}
	b.addFramework(&mesospb.FrameworkInfo{Id: ids.Framework("f").Proto(), Roles: []string{"r"},
		Capabilities: []*mesospb.FrameworkInfo_Capability{{Type: mesospb.FrameworkInfo_Capability_MULTI_ROLE.Enum()}}}, true, Wishes{})
	b.addAgent(known("a", huge), used)
	b.addAgent(known("b", huge), nil)
	if share := b.pool.dominantShare(&b.roles.known["r"].subtree.used); share != 0.5 {
		t.Errorf("a framework with all memory of one of two agents has a share of %v", share)
	}
}

func TestRemovedAgentsAreNotKeptForFrameworksThatNeverCome(t *testing.T) {
	t.Parallel()
	b, total := newBook(nil), parsed(t, "cpus:4;mem:100")
	held := map[ids.Framework]resources.Resources{"never-comes": total.Allocate("x")}
	for i := range 100 {
		a := b.addAgent(known(ids.Agent(fmt.Sprint("removed", i)), total), held)
		b.removeAgent(a)
	}
	given := b.addAgent(known("given", total), held)
	b.release("never-comes", given, held["never-comes"])
	if len(b.orphans) != 0 {
		t.Errorf("agents are kept for frameworks that hold nothing: %v", b.orphans)
	}
}

func TestRolesOfManyLevelsAreSmall(t *testing.T) { // alone: it measures
	const levels = 32_000
	b := newBook(nil)
	before := heapInUse()
	r := b.roles.ensure(strings.Repeat("r/", levels-1) + "r")
	if used := heapInUse() - before; len(b.roles.known) != levels || used > 100<<20 {
		t.Errorf("%d roles take %d MiB", len(b.roles.known), used>>20)
	}
	b.roles.prune(r)
	if len(b.roles.known) != 0 || len(b.roles.root.children) != 0 {
		t.Errorf("%d roles are kept", len(b.roles.known))
	}
}

func heapInUse() int64 {
	goruntime.GC()
	var stats goruntime.MemStats
	goruntime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
