// Package simcluster runs a whole cluster in one simulated world: the real master with its allocator and registrar, real
// agents with real executors on them, real scheduler drivers, on virtual time and a simulated network, from one seed.
//
// Nothing is stood in for but what is outside of our programs: the network and the clock ([sim.World]), the operating
// system's processes (a container is a node of the world; see [Job] for what a task does there), and the leader's
// election. An agent writes to a directory of the test, since that is what outlives its crashes.
//
//	c := simcluster.New(t, simcluster.Config{Agents: 2})
//	f := c.Framework("f1", nil)
//	f.Launch(simcluster.Job{ID: "t1", Program: "sleep 10"})
//	c.Advance(5 * time.Second)
//	c.Agents[0].Kill()                 // kill -9
//	c.Advance(2 * time.Minute)
//	c.Golden("agent-crash")
//
// [Cluster.Check] says whether the cluster is in order when it is quiet: every task accounted for, the books of master,
// allocator and agents agree, and nothing is held without a holder.
package simcluster
