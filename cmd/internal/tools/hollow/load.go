package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"meseta/runtime"
)

// How tasks are launched.
const (
	perOffer = 5    // tasks launched at once at a steady rate
	atOnce   = 50   // tasks launched at once as fast as possible
	onTheWay = 2000 // tasks in flight as fast as possible
)

// steady launches tasks for some seconds at the configured rate.
func (t *trial) steady(ctx context.Context) (outcome, error) {
	return t.race(ctx, &lap{tasks: t.rate * int(t.last.Seconds()) / perOffer * perOffer, each: perOffer, rate: t.rate})
}

// flatOut launches tasks as fast as the master takes them.
func (t *trial) flatOut(ctx context.Context, tasks int) (outcome, error) {
	return t.race(ctx, &lap{tasks: tasks / atOnce * atOnce, each: atOnce, window: onTheWay})
}

// race runs a lap.
func (t *trial) race(ctx context.Context, next *lap) (outcome, error) {
	done := make(chan outcome, 1)
	next.done = done
	runtime.Tell(t.launcher, func(l *launcher) { l.begin(next) })
	select {
	case o := <-done:
		return o, t.tally.failed()
	case err := <-t.tally.problem:
		return outcome{}, err
	case err := <-t.master.Failed():
		return outcome{}, err
	case <-ctx.Done():
		return outcome{}, fmt.Errorf("a lap of %d tasks: %w", next.tasks, ctx.Err())
	}
}

// enlist starts the launcher, and warms the cluster up.
func (t *trial) enlist(ctx context.Context) (err error) {
	t.launcher, err = runtime.Spawn(t.nodes[t.options.nodes], "launcher", &launcher{master: t.master.pid, tally: t.tally})
	if err != nil {
		return err
	}
	_, err = t.flatOut(ctx, t.warmUp)
	return err
}

// followed measures launches while operators subscribe to events.
func (t *trial) followed(ctx context.Context) error {
	if err := t.followSteadily(ctx); err != nil {
		return err
	}
	if err := t.followFlatOut(ctx); err != nil {
		return err
	}
	return t.stall(ctx)
}

// followSteadily measures a steady load without and with followers, each of which must get every task.
func (t *trial) followSteadily(ctx context.Context) (err error) {
	worked := t.master.worked()
	without, err := t.steady(ctx)
	if err != nil {
		return err
	}
	t.figure("master CPU, steady", (t.master.worked()-worked).Seconds()/t.last.Seconds()*100, "% of a core")
	alone, _ := t.master.memory()
	if err := t.master.forgetPeak(); err != nil {
		return err
	}
	crowd, err := t.invite(ctx, "follow", t.followers, t.media)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, crowd.dismiss()) }()
	idle, _ := t.master.memory()
	began, worked, theirs := t.now(), t.master.worked(), crowd.worked()
	with, err := t.steady(ctx)
	if err != nil {
		return err
	}
	behind, err := crowd.number(fmt.Sprint("tasks ", t.rate*int(t.last.Seconds())))
	if err != nil {
		return err
	}
	took := t.now().Sub(began).Seconds()
	t.figure("master CPU, steady, followed", (t.master.worked()-worked).Seconds()/took*100, "% of a core")
	t.figure("followers' CPU, steady", (crowd.worked()-theirs).Seconds()/took*100, "% of a core")
	t.figure("followers heard all after", took, "s")
	t.compare("tasks, steady", without.rate, with.rate, "tasks/s")
	t.compare("tasks run after, half", milliseconds(without.middle), milliseconds(with.middle), "ms")
	t.compare("tasks run after, 99 of 100", milliseconds(without.late), milliseconds(with.late), "ms")
	t.figure("the slowest follower behind the quickest", behind, "ms")
	_, most := t.master.memory()
	t.figure("memory for each idle follower", (idle-alone)*1e3/float64(t.followers), "kB")
	t.figure("memory for followers, most", most-alone, "MB")
	return nil
}

// followFlatOut measures how fast the master launches without and with followers, which may be disconnected.
func (t *trial) followFlatOut(ctx context.Context) (err error) {
	without, err := t.flatOut(ctx, t.laps)
	if err != nil {
		return err
	}
	crowd, err := t.invite(ctx, "follow", t.followers, t.media)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, crowd.dismiss()) }()
	with, err := t.flatOut(ctx, t.laps)
	if err != nil {
		return err
	}
	left, err := crowd.number("left")
	if err != nil {
		return err
	}
	t.compare("tasks, flat out", without.rate, with.rate, "tasks/s")
	t.figure("followers left after tasks, flat out", left, "followers")
	return nil
}

// stall measures the cost of subscribers that do not read.
func (t *trial) stall(ctx context.Context) (err error) {
	before, _ := t.master.memory()
	if err := t.master.forgetPeak(); err != nil {
		return err
	}
	crowd, err := t.invite(ctx, "stall", t.followers, "-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, crowd.dismiss()) }()
	if _, err := t.flatOut(ctx, t.laps); err != nil {
		return err
	}
	cut, err := crowd.number("cut")
	if err != nil {
		return err
	}
	t.figure("stalled followers cut off", cut, "followers")
	_, most := t.master.memory()
	t.figure("memory for stalled followers, most", most-before, "MB")
	return nil
}

// polled measures launches while clients poll all of /state, alternating with launches without them.
func (t *trial) polled(ctx context.Context) error {
	var without, with, polls []float64
	for range t.rounds {
		alone, err := t.flatOut(ctx, t.laps)
		if err != nil {
			return err
		}
		read, rate, err := t.pollOnce(ctx)
		if err != nil {
			return err
		}
		without, with, polls = append(without, alone.rate), append(with, rate), append(polls, read)
	}
	t.compare("tasks while polled", median(without), median(with), "tasks/s")
	t.figure("polls", median(polls), "/s")
	return nil
}

func (t *trial) pollOnce(ctx context.Context) (polls, rate float64, err error) {
	crowd, err := t.invite(ctx, "poll", t.pollers, t.every.String())
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, crowd.dismiss()) }()
	if err := t.pause(ctx, t.every); err != nil { // until every client has begun
		return 0, 0, err
	}
	before, err := crowd.number("polls")
	if err != nil {
		return 0, 0, err
	}
	began := t.now()
	o, err := t.flatOut(ctx, t.laps)
	if err != nil {
		return 0, 0, err
	}
	took := t.now().Sub(began)
	after, err := crowd.number("polls")
	return (after - before) / took.Seconds(), o.rate, err
}

func (t *trial) figure(name string, value float64, unit string) { t.print(figure{name, value, unit}) }

// compare prints the results without and with an audience.
func (t *trial) compare(name string, without, with float64, unit string) {
	t.figure(name+", alone", without, unit)
	t.figure(name, with, unit)
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}
