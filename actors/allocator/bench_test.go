package allocator

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

const benchAgents, benchFrameworks = 2000, 200

// benchBook has agents and frameworks, each framework in one of roles.
func benchBook(tb testing.TB, agents, frameworks int, roles ...string) *book {
	tb.Helper()
	total, err := resources.Parse("cpus:24;mem:65536;disk:1000000;ports:[31000-32000]", "*")
	if err != nil {
		tb.Fatal(err)
	}
	b := newBook(nil)
	for i := range frameworks {
		b.addFramework(&mesospb.FrameworkInfo{
			Id: ids.Framework(fmt.Sprintf("f%04d", i)).Proto(), Role: proto.String(roles[i%len(roles)]),
		}, true, Wishes{})
	}
	for i := range agents {
		b.addAgent(Agent{
			Info: &mesospb.SlaveInfo{Id: ids.Agent(fmt.Sprintf("s%05d", i)).Proto(), Hostname: proto.String("h")},
			Capabilities: []*mesospb.SlaveInfo_Capability{
				{Type: mesospb.SlaveInfo_Capability_MULTI_ROLE.Enum()},
				{Type: mesospb.SlaveInfo_Capability_HIERARCHICAL_ROLE.Enum()},
			},
			Total: total,
		}, nil)
	}
	return b
}

// cycle runs a whole cycle and returns what was offered.
func (b *book) cycle(p *policy, random *rand.Rand, now time.Time) *cycle {
	b.expire(now)
	agents := b.takeAll()
	random.Shuffle(len(agents), func(i, j int) { agents[i], agents[j] = agents[j], agents[i] })
	c := newCycle(b, p)
	c.run(agents)
	b.settle(agents, true)
	return c
}

// decline gives back everything that c offered, until then.
func (c *cycle) decline(until time.Time) (n int) {
	for _, f := range c.order {
		for _, o := range c.offers[f] {
			a := c.book.agent(o.Agent)
			c.book.release(f.id, a, o.Resources)
			c.book.unsettle(a)
			c.book.refuse(f, a, o.Resources, until)
			n++
		}
	}
	return n
}

var benchRoles = []string{"a", "b", "c", "d/e", "d/f", "g/h/i", "g/h/j", "k"}

// BenchmarkCycleAllFree offers every agent of a free cluster, and takes everything back without refusals.
func BenchmarkCycleAllFree(b *testing.B) {
	b.Run("8 roles", func(b *testing.B) { benchmarkAllFree(b, benchRoles) })
	b.Run("200 roles", func(b *testing.B) {
		var roles []string
		for i := range benchFrameworks {
			roles = append(roles, fmt.Sprintf("r%03d", i))
		}
		benchmarkAllFree(b, roles)
	})
}

func benchmarkAllFree(b *testing.B, roles []string) {
	book := benchBook(b, benchAgents, benchFrameworks, roles...)
	p := &policy{minimum: Defaults().Minimum}
	random := rand.New(rand.NewPCG(1, 1))
	offers := 0
	for b.Loop() {
		c := book.cycle(p, random, time.Unix(0, 0))
		b.StopTimer()
		for _, f := range c.order {
			for _, o := range c.offers[f] {
				a := book.agent(o.Agent)
				book.release(f.id, a, o.Resources)
				book.unsettle(a)
				offers++
			}
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(offers), "ns/offer")
}

// BenchmarkCycleDeclined is a cluster in which everybody declines whatever is offered for five seconds: in every cycle
// each agent is offered to the next framework that has not declined it.
func BenchmarkCycleDeclined(b *testing.B) {
	book := benchBook(b, benchAgents, benchFrameworks, benchRoles...)
	p := &policy{minimum: Defaults().Minimum}
	random := rand.New(rand.NewPCG(1, 1))
	now, offers := time.Unix(0, 0), 0
	for b.Loop() {
		offers += book.cycle(p, random, now).decline(now.Add(5 * time.Second))
		now = now.Add(time.Second)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(offers), "ns/offer-and-decline")
}

// BenchmarkCycleRefusedByAll is a cycle over a cluster in which everybody has declined everything: nothing is to be
// done, and a naive allocator asks every framework about every agent to find that out.
func BenchmarkCycleRefusedByAll(b *testing.B) {
	book := benchBook(b, benchAgents, benchFrameworks, benchRoles...)
	p := &policy{minimum: Defaults().Minimum}
	random := rand.New(rand.NewPCG(1, 1))
	now := time.Unix(0, 0)
	for book.cycle(p, random, now).decline(now.Add(time.Hour)) > 0 {
	}
	b.Run("incremental", func(b *testing.B) {
		for b.Loop() {
			book.cycle(p, random, now)
		}
	})
	b.Run("looking at everything", func(b *testing.B) {
		for b.Loop() {
			book.unsettleAll()
			book.cycle(p, random, now)
		}
	})
}

// BenchmarkCycleBusy is a full cluster in which 1% of the agents get something back between cycles.
func BenchmarkCycleBusy(b *testing.B) {
	book := benchBook(b, benchAgents, benchFrameworks, benchRoles...)
	p := &policy{minimum: Defaults().Minimum}
	random := rand.New(rand.NewPCG(1, 1))
	c := book.cycle(p, random, time.Unix(0, 0))
	type given struct {
		f *framework
		o Offer
	}
	var all []given
	collect := func(c *cycle) {
		for _, f := range c.order {
			for _, o := range c.offers[f] {
				all = append(all, given{f, o})
			}
		}
	}
	collect(c)
	for b.Loop() {
		for range benchAgents / 100 {
			g := all[0]
			all = all[1:]
			a := book.agent(g.o.Agent)
			book.release(g.f.id, a, g.o.Resources)
			book.unsettle(a)
		}
		collect(book.cycle(p, random, time.Unix(0, 0)))
	}
}

// BenchmarkCycleQuotas is a free cluster of 10,000 agents while roles have quotas: a first cycle, after which everything is taken
// back, and cycles in which nothing has changed since.
func BenchmarkCycleQuotas(b *testing.B) {
	all := []string{"a", "b", "c", "d", "g", "k"} // above, or among, benchRoles
	for name, quotas := range map[string][]Quota{
		"no quotas":           nil,
		"limits, far away":    benchQuotas(b, "", "cpus:1000000", all...),
		"limits, reached":     benchQuotas(b, "", "cpus:24;mem:65536", all...),
		"guarantees, had":     benchQuotas(b, "cpus:240;mem:655360", "", all...),
		"guarantees, owed":    benchQuotas(b, "cpus:120000;mem:300000000", "", "absent"),
		"guarantees, of all":  benchQuotas(b, "cpus:240000;mem:655360000", "", "absent"),
		"guarantees, of more": benchQuotas(b, "cpus:500000;mem:2000000000", "", "a", "absent"),
	} {
		book := func() *book {
			book := benchBook(b, 10_000, benchFrameworks, benchRoles...)
			book.setQuotas(quotas)
			return book
		}
		p := &policy{minimum: Defaults().Minimum}
		random := rand.New(rand.NewPCG(1, 1))
		b.Run(name+"/first", func(b *testing.B) {
			book := book()
			for b.Loop() {
				c := book.cycle(p, random, time.Unix(0, 0))
				b.StopTimer()
				for _, f := range c.order {
					for _, o := range c.offers[f] {
						a := book.agent(o.Agent)
						book.release(f.id, a, o.Resources)
						book.unsettle(a)
					}
				}
				b.StartTimer()
			}
		})
		b.Run(name+"/later", func(b *testing.B) {
			book := book()
			book.cycle(p, random, time.Unix(0, 0))
			for b.Loop() {
				book.cycle(p, random, time.Unix(0, 0))
			}
		})
	}
}

// benchQuotas returns the same quota for each of roles.
func benchQuotas(tb testing.TB, guarantees, limits string, roles ...string) (quotas []Quota) {
	tb.Helper()
	g, err := resources.ParseQuantities(guarantees)
	if err != nil {
		tb.Fatal(err)
	}
	l, err := resources.ParseLimits(limits)
	if err != nil {
		tb.Fatal(err)
	}
	for _, role := range roles {
		quotas = append(quotas, Quota{role, g, l})
	}
	return quotas
}

// BenchmarkRankingMove is the sorter: a contender among 10,000 is served and goes to its new place.
func BenchmarkRankingMove(b *testing.B) {
	book := benchBook(b, 100, 10_000, "*")
	rs, err := resources.Parse("cpus:1;mem:64", "*")
	if err != nil {
		b.Fatal(err)
	}
	allocated := rs.Allocate("*")
	r := book.roles.known["*"]
	for b.Loop() {
		book.roles.charge(r.eager.ordered()[0].owner, "s", allocated)
	}
}

// BenchmarkRankingSort is the sorter when the cluster has changed: 10,000 contenders are sorted anew.
func BenchmarkRankingSort(b *testing.B) {
	book := benchBook(b, 100, 10_000, "*")
	r := book.roles.known["*"]
	for b.Loop() {
		book.pool.version++
		r.eager.ordered()
	}
}
