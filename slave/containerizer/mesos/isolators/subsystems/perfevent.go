package subsystems

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/perf"
)

// Sampling says how events are counted in containers with cgroups/perf_event.
type Sampling struct {
	Events   string        // separated by commas (--perf_events); "" means that nothing is counted
	Duration time.Duration // for which events are counted (--perf_duration)
	Interval time.Duration // between two beginnings (--perf_interval)
}

// Check returns an error for a duration that does not fit into the interval, and for events that do not exist.
//
// Mesos: PerfEventSubsystemProcess::create.
func (s Sampling) Check() error {
	if s.Events == "" {
		return nil
	}
	if s.Duration > s.Interval {
		return fmt.Errorf("Sampling perf for duration (%s) > interval (%s) is not supported.", s.Duration, s.Interval)
	}
	_, err := perf.Parse(s.Events)
	return err
}

// perfEvent counts events.
//
// Mesos: PerfEventSubsystemProcess, PerfEventControllerProcess.
type perfEvent struct {
	member
	events []perf.Event
	clock  runtime.Clock
}

// newPerfEvent finds out whether the kernel counts events in the groups of a hierarchy.
func newPerfEvent(h cgroups.Hierarchy, o Options) (subsystem, error) {
	if err := o.Sampling.Check(); err != nil {
		return nil, err
	}
	events, _ := perf.Parse(o.Sampling.Events)
	processors, err := perf.Processors()
	if err != nil {
		return nil, err
	}
	counters, err := perf.Open(h.Path, events, processors[:1])
	if err != nil {
		return nil, fmt.Errorf("Perf is not supported: %w; the agent needs the capability CAP_PERFMON and a kernel with perf_event_open", err)
	}
	counters.Close()
	return perfEvent{events: events, clock: o.Destroyer.Clock}, nil
}

func (s perfEvent) prepare(_ cgroups.Group, x *info) error {
	x.sample.Store(&mesospb.PerfStatistics{Timestamp: seconds(s.clock.Now()), Duration: proto.Float64(0)})
	return nil
}

func (s perfEvent) recover(g cgroups.Group, x *info) error { return s.prepare(g, x) }

func (perfEvent) usage(_ cgroups.Group, x *info, u *mesospb.ResourceStatistics) error {
	u.Perf = proto.CloneOf(x.sample.Load())
	return nil
}

func seconds(t time.Time) *float64 { return proto.Float64(float64(t.UnixNano()) / 1e9) }

// Sampler counts events in all containers for some time, again and again. It is an actor.
//
// Mesos: PerfEventSubsystemProcess::sample.
type Sampler struct {
	runtime.Actor
	Isolator *Isolator
	Sampling Sampling
}

// Initialize begins, if there is something to count.
func (s *Sampler) Initialize() {
	part := s.Isolator.sampled()
	if part == nil {
		return
	}
	s.Log().Info().Str("events", s.Sampling.Events).Dur("duration", s.Sampling.Duration).Dur("interval", s.Sampling.Interval).Msg("counting perf events")
	if missing := uncounted(part.hierarchy.Path, part.subsystem.(perfEvent).events); len(missing) > 0 {
		s.Log().Warn().Strs("events", missing).Msg("this machine does not count some perf events, which will be missing in statistics")
	}
	s.sample()
}

// uncounted returns the names of events that no processor counts.
func uncounted(dir string, events []perf.Event) []string {
	processors, err := perf.Processors()
	if err != nil {
		return nil
	}
	counters, err := perf.Open(dir, events, processors)
	if err != nil {
		return nil
	}
	defer counters.Close()
	var names []string
	for _, e := range events {
		if !counters.Counts(e) {
			names = append(names, e.Name)
		}
	}
	return names
}

func (s *Sampler) sample() {
	next := s.Now().Add(s.Sampling.Interval)
	done := runtime.Go(s, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.Isolator.count(ctx, s.Sampling.Duration)
	})
	runtime.Await(s, done, func(_ struct{}, err error) {
		if err != nil {
			s.Log().Error().Err(err).Msg("Failed to get the perf sample")
		}
		s.Delay(max(next.Sub(s.Now()), time.Millisecond), s.sample)
	})
}

// sampled returns the part whose events are counted, or nil.
func (x *Isolator) sampled() *part {
	i := slices.IndexFunc(x.parts, func(p part) bool {
		s, ok := p.subsystem.(perfEvent)
		return ok && len(s.events) > 0
	})
	if i < 0 {
		return nil
	}
	return &x.parts[i]
}

// counting is a container in which events are counted.
type counting struct {
	info     *info
	begun    time.Time
	counters *perf.Counters
}

// count counts events in all containers at the same time.
func (x *Isolator) count(ctx context.Context, duration time.Duration) error {
	p := x.sampled()
	all, begun := x.begin(p)
	defer func() {
		for _, c := range all {
			c.counters.Close()
		}
	}()
	if err := mesos.Pause(ctx, p.subsystem.(perfEvent).clock, duration); err != nil {
		return err
	}
	errs := []error{begun}
	for _, c := range all {
		sample := &mesospb.PerfStatistics{Timestamp: seconds(c.begun), Duration: proto.Float64(duration.Seconds())}
		if err := c.counters.Read(sample); err != nil {
			errs = append(errs, err)
			continue
		}
		c.info.sample.Store(sample)
	}
	return errors.Join(errs...)
}

// begin begins to count. If there are too many containers for the files that a process can have open, it takes those whose last sample is
// the oldest. It may return an error for others beside those that were begun.
func (x *Isolator) begin(p *part) (all []counting, err error) {
	s := p.subsystem.(perfEvent)
	processors, err := perf.Processors()
	if err != nil {
		return nil, err
	}
	left := mostCounters()
	for _, i := range x.oldest() {
		counters, err := perf.Open(x.tree.Group(p.hierarchy, i.container.ID).Path(), s.events, processors)
		if errors.Is(err, fs.ErrNotExist) { // it has ended
			continue
		}
		if err != nil {
			return all, err
		}
		all = append(all, counting{i, s.clock.Now(), counters})
		if left -= counters.Len(); left < counters.Len() {
			break
		}
	}
	return all, nil
}

// mostCounters returns how many files counters may have open: a quarter of what this process may.
func mostCounters() int {
	var most unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &most); err != nil {
		return 0
	}
	return int(min(most.Cur/4, 1<<20))
}

// oldest returns the containers with groups of their own, those with the oldest samples first.
func (x *Isolator) oldest() []*info {
	x.mu.Lock()
	defer x.mu.Unlock()
	var all []*info
	for _, i := range x.infos {
		if i.sample.Load() != nil {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(a, b *info) int {
		return cmp.Or(
			cmp.Compare(a.sample.Load().GetTimestamp(), b.sample.Load().GetTimestamp()),
			strings.Compare(string(a.container.ID), string(b.container.ID)),
		)
	})
	return all
}
