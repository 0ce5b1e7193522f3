package main

import (
	"context"
	"fmt"
)

// remembered measures launches while the master's trace remembers its latest events, alternating with launches while it
// remembers none. Which of the two comes first alternates, too, so that neither gains from a master that becomes slower, or
// from a machine that does.
func (t *trial) remembered(ctx context.Context) error {
	var with, without recorded
	for round := range t.rounds {
		laps := []struct {
			events int
			into   *recorded
		}{{0, &without}, {t.ring, &with}}
		for i := range laps {
			lap := laps[(i+round)%len(laps)]
			if err := t.remember(ctx, lap.events, lap.into); err != nil {
				return err
			}
		}
	}
	t.compare("tasks with a ring", median(without.rates), median(with.rates), "tasks/s")
	t.compare("master CPU per task with a ring", mean(without.work), mean(with.work), "ms")
	return nil
}

// recorded are the results of laps of one kind.
type recorded struct {
	rates []float64 // tasks per second
	work  []float64 // milliseconds of a processor for each task; the clock ticks a hundred times a second
}

func mean(values []float64) (sum float64) {
	for _, v := range values {
		sum += v / float64(len(values))
	}
	return sum
}

// remember runs a lap while the master remembers so many events.
func (t *trial) remember(ctx context.Context, events int, into *recorded) error {
	if err := t.master.post(ctx, fmt.Sprint("/trace/record?events=", events)); err != nil {
		return err
	}
	worked := t.master.worked()
	o, err := t.flatOut(ctx, t.laps)
	if err != nil {
		return err
	}
	into.rates = append(into.rates, o.rate)
	into.work = append(into.work, milliseconds(t.master.worked()-worked)/float64(t.laps))
	return nil
}
