package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"meseta/runtime"
	"meseta/runtime/libprocess"
)

// figure is one result.
type figure struct {
	name  string
	value float64
	unit  string
}

// trial is a real master with hollow agents.
type trial struct {
	options
	guard  *guard
	master *master
	nodes  []*runtime.Node // of the agents; the last is the scheduler's
	tally  *tally
	print  func(figure)

	agentRefs []runtime.Ref[*agent]
	leaders   chan runtime.PID // of a group, as the scheduler's node hears of them
	killed    sync.Mutex       // guards what follows
	old       runtime.PID      // the master of a group that was killed
	back      *goal            // counts the agents that are back after that
	launcher  runtime.Ref[*launcher]
}

// measure starts the clusters that the options ask for, one after the other, and prints their figures.
func measure(ctx context.Context, o options, print func(figure)) error {
	if o.guarded {
		return measureGuarded(ctx, o, print)
	}
	return measureOne(ctx, o, nil, print)
}

// measureOne starts a cluster and prints its figures.
func measureOne(ctx context.Context, o options, g *guard, print func(figure)) (err error) {
	if o.agents < 2 || o.nodes < 1 || o.tasks < 0 || o.tasks > o.agents*room {
		return fmt.Errorf("%d agents on %d nodes cannot run %d tasks", o.agents, o.nodes, o.tasks)
	}
	t := &trial{options: o, guard: g, tally: newTally(o.agents, o.tasks), print: print}
	if t.master, err = startMaster(ctx, o.bin, o.masters, o.profile != "", g); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.listen(); err != nil {
		return err
	}
	for _, step := range []struct {
		wanted  bool
		measure func(context.Context) error
	}{
		{o.masters > 1, t.follow},
		{o.profile != "" && !o.failover, t.master.startProfile},
		{true, t.lead},
		{true, t.register},
		{o.tasks > 0, t.run},
		{o.followers > 0 || o.pollers > 0 || o.ring > 0, t.enlist},
		{o.followers > 0, t.followed},
		{o.pollers > 0, t.polled},
		{o.ring > 0, t.remembered},
		{o.failover && o.masters < 2, t.failOver},
		{o.failover && o.masters > 1, t.killLeader},
		{o.idle > 0, t.rest},
		{o.state, t.fetch},
		{o.profile != "", func(ctx context.Context) error { return t.master.saveProfile(ctx, o.profile) }},
	} {
		if !step.wanted {
			continue
		}
		if err := step.measure(ctx); err != nil {
			return fmt.Errorf("%w%s", err, t.master.lastWords())
		}
	}
	_, most := t.master.memory()
	t.print(figure{"memory of the master, most", most, "MB"})
	return nil
}

func (t *trial) listen() error {
	for range t.options.nodes + 1 {
		options := libprocess.Options{MaxQueue: 1 << 30} // large enough for a whole burst: only the master may lose messages
		if t.guard != nil {
			options.Secure, options.RequirePeerIPMatch = t.guard.transport, true
		}
		wire, err := libprocess.Listen(options)
		if err != nil {
			return err
		}
		node, err := runtime.NewNode(runtime.Options{Wire: wire})
		if err != nil {
			return errors.Join(err, wire.Close(context.Background()))
		}
		t.nodes = append(t.nodes, node)
	}
	return nil
}

// close ends the master first, so that it does not handle the loss of each agent.
func (t *trial) close() error {
	errs := []error{t.master.stop()}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, n := range t.nodes {
		errs = append(errs, n.Close(ctx))
	}
	return errors.Join(errs...)
}

// now returns the time of the actors' clock.
func (t *trial) now() time.Time { return t.nodes[0].Clock().Now() }

// lead returns when the master leads. The first agent determines that, because a master that does not lead does not
// answer.
func (t *trial) lead(ctx context.Context) error {
	if err := t.join(0, t.tally.first, time.Second/10); err != nil {
		return err
	}
	return t.await(ctx, t.tally.first)
}

// register measures the registration of the other agents, all at once, without retries.
func (t *trial) register(ctx context.Context) error {
	began, worked := t.now(), t.master.worked()
	for i := 1; i < t.agents; i++ {
		if err := t.join(i, t.tally.registered, 0); err != nil {
			return err
		}
	}
	if err := t.await(ctx, t.tally.registered); err != nil {
		return err
	}
	t.report("agents", "agent", t.agents-1, began, worked)
	return nil
}

// join starts an agent, which counts for g when it is registered.
func (t *trial) join(number int, g *goal, retry time.Duration) error {
	node := t.nodes[number%t.options.nodes]
	a := &agent{master: t.master.pid, guard: t.guard, tally: t.tally, joined: g, retry: retry, detail: t.detail}
	ref, err := runtime.Spawn(node, node.NewID("slave"), a)
	t.agentRefs = append(t.agentRefs, ref)
	return err
}

// await returns when g is reached or cannot be reached any more.
func (t *trial) await(ctx context.Context, g *goal) error {
	select {
	case <-g.reached:
		return t.tally.failed()
	case err := <-t.tally.problem:
		return err
	case err := <-t.master.Failed():
		return err
	case <-ctx.Done():
		return fmt.Errorf("%d of %d %s: %w", g.count.Load(), g.want, g.what, ctx.Err())
	}
}

// report prints the time, and the master's processor time, for n things since began, at which the master had used
// worked.
func (t *trial) report(many, one string, n int, began time.Time, worked time.Duration) {
	took, worked := t.now().Sub(began), t.master.worked()-worked
	t.print(figure{many + " per second", float64(n) / took.Seconds(), many + "/s"})
	t.print(figure{"master CPU per " + one, worked.Seconds() * 1e3 / float64(n), "ms"})
}

// rest measures what the master does, and the memory that it has, while nothing happens.
func (t *trial) rest(ctx context.Context) error {
	if err := t.master.forgetPeak(); err != nil {
		return err
	}
	if err := t.pause(ctx, time.Second); err != nil { // for remaining work, such as garbage collection
		return err
	}
	began, worked := t.now(), t.master.worked()
	if err := t.pause(ctx, t.idle); err != nil {
		return err
	}
	share := (t.master.worked() - worked).Seconds() / t.now().Sub(began).Seconds()
	t.print(figure{"CPU of the idle master", share * 100, "% of a core"})
	now, most := t.master.memory()
	t.print(figure{"memory of the idle master", now, "MB"})
	t.print(figure{"memory of the idle master, most", most, "MB"})
	return nil
}

func (t *trial) pause(ctx context.Context, d time.Duration) error {
	over := make(chan struct{})
	stop := t.nodes[0].Clock().AfterFunc(d, func() { close(over) })
	defer stop()
	select {
	case <-over:
		return nil
	case err := <-t.tally.problem:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run measures tasks, from the first launch to the last acknowledgement at an agent.
func (t *trial) run(ctx context.Context) error {
	first, worked := make(chan time.Time, 1), t.master.worked()
	s := &scheduler{
		master: t.master.pid, guard: t.guard, tally: t.tally, share: (t.launched() + t.agents - 1) / t.agents, left: t.launched(), stay: t.stay, detail: t.detail,
		began: first,
	}
	if _, err := runtime.Spawn(t.nodes[t.options.nodes], "scheduler", s); err != nil {
		return err
	}
	end := t.tally.finished
	if t.stay {
		end = t.tally.running
	}
	if err := t.await(ctx, end); err != nil {
		return err
	}
	t.report("tasks", "task", t.tasks, <-first, worked)
	return nil
}

// launched returns how many tasks are launched. If the leader of a group is killed, it is killed while it launches some more.
func (t *trial) launched() int {
	if t.failover && t.masters > 1 {
		return t.tasks + t.tasks/10
	}
	return t.tasks
}

// fetch measures /state, for the first request and for later ones.
func (t *trial) fetch(ctx context.Context) error {
	var first, whole []float64
	for range 9 {
		f, w, size, err := t.fetchOnce(ctx)
		if err != nil {
			return err
		}
		if len(first) == 0 {
			t.print(figure{"/state, size", float64(size) / 1e6, "MB"})
			t.print(figure{"/state, first byte, cold", f, "ms"})
			t.print(figure{"/state, all of it, cold", w, "ms"})
		}
		first, whole = append(first, f), append(whole, w)
	}
	slices.Sort(first)
	slices.Sort(whole)
	t.print(figure{"/state, first byte", first[len(first)/2], "ms"})
	t.print(figure{"/state, all of it", whole[len(whole)/2], "ms"})
	return nil
}

// fetchOnce returns the milliseconds until the first and the last byte arrived.
func (t *trial) fetchOnce(ctx context.Context) (first, whole float64, size int64, err error) {
	began := t.now()
	since := func() float64 { return t.now().Sub(began).Seconds() * 1e3 }
	size, err = t.master.get(ctx, "/state", io.Discard, func() { first = since() })
	return first, since(), size, err
}
