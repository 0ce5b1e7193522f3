package mesos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/about"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer"
)

// container is a container from its launch until it is forgotten.
type container struct {
	Container
	outer *container                   // nil if it is not nested
	inner map[ids.Container]*container // containers directly in it that have not ended
	ended map[ids.Container]*container // of an outermost container: those in it, at any depth, that have ended and were not removed

	images    []*mesospb.Image // that it uses; isolators change Config meanwhile
	resources []*mesospb.Resource
	limits    map[string]*mesospb.Value_Scalar
	updated   runtime.Future[struct{}] // the latest update; zero if there was none
	prepared  runtime.Future[struct{}] // complete before the process is started
	starting  runtime.Future[*process]
	turn      bool                     // it has a turn to be launched
	process   *process                 // nil until it runs
	unwanted  bool                     // to be destroyed as soon as possible
	drained   runtime.Future[struct{}] // complete when all output of the process was read
	limited   *slavepb.ContainerLimitation
	watched   []runtime.Future[*slavepb.ContainerLimitation] // discarded when the process has ended
	waited    bool
	over      bool
	removed   bool // its sandbox, too
	done      runtime.Promise[*slavepb.ContainerTermination]
}

func (x *Containerizer) launch(l containerizer.Launch) runtime.Future[struct{}] {
	if x.find(l.ID) != nil {
		return runtime.Failed[struct{}](fmt.Errorf("%w: %s", containerizer.ErrExists, l.ID))
	}
	c, err := x.place(l)
	if err != nil {
		return runtime.Failed[struct{}](err)
	}
	x.enter(c)
	c.done = runtime.Owe[*slavepb.ContainerTermination](x)
	c.prepared = runtime.Go(x, func(ctx context.Context) (struct{}, error) { return struct{}{}, x.prepare(ctx, c) })
	c.starting = runtime.Chain(x, c.prepared, func(_ struct{}, err error) runtime.Future[*process] {
		if err != nil {
			return runtime.Failed[*process](err)
		}
		return runtime.Go(x, func(ctx context.Context) (*process, error) {
			defer x.turns.Pass(c.turn)
			return x.start(ctx, &c.Container)
		})
	})
	return runtime.Continue(x, c.starting, func(started *process, err error) (struct{}, error) {
		x.started(c, started, err)
		return struct{}{}, err
	})
}

// follow waits until the parent runs, because its process is needed.
func (c *container) follow(ctx context.Context) error {
	if c.outer == nil {
		return nil
	}
	runs := make(chan error, 1)
	c.outer.starting.OnAny(func(_ *process, err error) { runs <- err })
	select {
	case err := <-runs:
		if err != nil {
			return destroying(c.outer.ID)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// prepare calls Prepare of all isolators, in order, when the parent runs and it is the container's turn.
func (x *Containerizer) prepare(ctx context.Context, c *container) (err error) {
	if err := c.follow(ctx); err != nil {
		return err
	}
	if c.turn, err = x.turns.Take(ctx, c.Config); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			x.turns.Pass(c.turn)
		}
	}()
	if err := x.record(&c.Container); err != nil {
		return err
	}
	for i, isolator := range x.isolators {
		err := isolator.Prepare(ctx, &c.Container)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			defer c.Container.close()
			return errors.Join(err, cleanup(x.isolators[:i+1], &c.Container))
		}
	}
	return nil
}

func cleanup(isolators []Isolator, c *Container) error {
	var errs []error
	for i := range isolators {
		errs = append(errs, isolators[len(isolators)-1-i].Cleanup(c))
	}
	return errors.Join(errs...)
}

// start starts and isolates the process of a prepared container, unless it is being destroyed.
func (x *Containerizer) start(ctx context.Context, c *Container) (p *process, err error) {
	defer c.close()
	if err = ctx.Err(); err == nil {
		err = x.recordLaunch(c)
	}
	if err == nil {
		p, err = x.startProcess(c)
	}
	if err != nil {
		return nil, errors.Join(err, cleanup(x.isolators, c))
	}
	for _, isolator := range x.isolators {
		if err := isolator.Isolate(c, p.pid()); err != nil {
			return nil, errors.Join(err, x.undo(c, p))
		}
	}
	if !x.running.Add(p.container.ID, p) {
		return nil, errors.Join(runtime.ErrTerminated, x.undo(c, p))
	}
	return p, nil
}

// undo kills a process that was just started.
func (x *Containerizer) undo(c *Container, p *process) error {
	_ = p.kill()
	_, _ = p.end(func() {})
	p.hangUp()
	return cleanup(x.isolators, c)
}

// started waits for the end of the process. If the container is being destroyed, it kills the process first.
func (x *Containerizer) started(c *container, started *process, err error) {
	if err != nil {
		var failed *fetchError
		if errors.As(err, &failed) {
			x.Log().Warn().Str("error", about.Veiled(failed.cause.Error())).Stringer("container_id", c.ID).Msg("URIs not fetched")
		}
		x.ending(c, &slavepb.ContainerTermination{}) // the caller of Launch gets the error
		return
	}
	x.Log().WithLevel(c.Level()).Stringer("container_id", c.ID).Int("os_pid", started.pid()).Msg("container runs")
	x.attend(c, started)
}

// end is how the process of a container ended.
type end struct {
	status *int32                       // nil if nobody knows it
	limit  *slavepb.ContainerLimitation // that the container has exceeded; nil if none
}

// attend waits for limits that are exceeded and for the end of a process that runs.
func (x *Containerizer) attend(c *container, started *process) {
	c.process = started
	c.drained = x.listen(started)
	x.guard(c)
	x.watch(c)
	ended := runtime.Go(x, func(ctx context.Context) (end, error) {
		defer x.running.Remove(started.container.ID, started)
		var limit *slavepb.ContainerLimitation
		status, err := x.endOf(ctx, started, func() { limit = cmp.Or(limit, x.limitOf(&c.Container)) })
		if limit == nil && c.scribed {
			limit = x.scribes.Broken(c.Runtime)
		}
		return end{status, limit}, err
	})
	runtime.Await(x, ended, func(e end, err error) {
		c.limited = cmp.Or(c.limited, e.limit)
		for _, f := range c.watched {
			f.Discard()
		}
		t := &slavepb.ContainerTermination{Status: e.status}
		if err != nil {
			t = &slavepb.ContainerTermination{Message: proto.String(err.Error())}
		}
		x.drain(c, func() { x.ending(c, limited(t, c.limited)) })
	})
	if c.unwanted {
		x.kill(c)
	}
}

// The status of a process that has ended may not be readable at once, when the agent has no descriptors left.
const (
	endAttempts = 100
	endPause    = 100 * time.Millisecond
)

// endOf is end of a process, and tries for some time to read its status. It blocks.
func (x *Containerizer) endOf(ctx context.Context, p *process, look func()) (status *int32, err error) {
	for range endAttempts {
		var unread unreadError
		if status, err = p.end(look); !errors.As(err, &unread) || Pause(ctx, x.clock, endPause) != nil {
			break
		}
	}
	return status, err
}

// watch destroys the container when it exceeds a limit.
//
// Mesos: MesosContainerizerProcess::limited.
func (x *Containerizer) watch(c *container) {
	for _, isolator := range x.isolators {
		w, ok := isolator.(Watcher)
		if !ok {
			continue
		}
		f := runtime.Go(x, func(ctx context.Context) (*slavepb.ContainerLimitation, error) { return w.Watch(ctx, &c.Container) })
		c.watched = append(c.watched, f)
		runtime.Await(x, f, func(l *slavepb.ContainerLimitation, err error) { x.exceeded(c, l, err) })
	}
}

func (x *Containerizer) exceeded(c *container, l *slavepb.ContainerLimitation, err error) {
	switch {
	case c.over || c.limited != nil || errors.Is(err, context.Canceled) || errors.Is(err, runtime.ErrDiscarded):
		return
	case err != nil:
		x.Log().Error().Err(err).Stringer("container_id", c.ID).Msg("a limit of a container is not watched")
		return
	}
	x.Log().Info().Stringer("container_id", c.ID).Str("limitation", l.GetMessage()).Msg("container has reached its limit")
	c.limited = l
	x.destroy(c.ID)
}

// limitOf returns the limit that a container has exceeded whose process has ended, or nil. It may be known before Watch
// returns. limitOf blocks.
func (x *Containerizer) limitOf(c *Container) *slavepb.ContainerLimitation {
	for _, isolator := range x.isolators {
		if w, ok := isolator.(Watcher); ok {
			if l := w.Exceeded(c); l != nil {
				return l
			}
		}
	}
	return nil
}

// limited adds to a termination that a limit was exceeded.
func limited(t *slavepb.ContainerTermination, l *slavepb.ContainerLimitation) *slavepb.ContainerTermination {
	if l != nil {
		t.State, t.Reason, t.LimitedResources = mesospb.TaskState_TASK_FAILED.Enum(), l.Reason, l.GetResources()
		t.Message = proto.String(l.GetMessage())
	}
	return t
}

// ending waits for the end of the containers nested in one whose process has ended, and cleans up.
func (x *Containerizer) ending(c *container, t *slavepb.ContainerTermination) {
	c.unwanted = true
	var nested []runtime.Future[*slavepb.ContainerTermination]
	for _, id := range c.nested() {
		nested = append(nested, x.destroy(id))
	}
	tidy := func() {
		cleaned := runtime.Go(x, func(context.Context) (struct{}, error) { return struct{}{}, x.tidy(c, t) })
		runtime.Await(x, cleaned, func(_ struct{}, err error) {
			if err != nil {
				x.Log().Error().Err(err).Stringer("container_id", c.ID).Msg("container not cleaned up")
			}
			x.ended(c, t)
		})
	}
	if len(nested) == 0 {
		tidy()
		return
	}
	runtime.Await(x, runtime.Settled(nested...), func([]runtime.Result[*slavepb.ContainerTermination], error) { tidy() })
}

// tidy cleans up after a container, and records its end.
func (x *Containerizer) tidy(c *container, t *slavepb.ContainerTermination) error {
	var failed error
	if c.process != nil {
		failed = cleanup(x.isolators, &c.Container)
	}
	return errors.Join(failed, x.recordEnd(&c.Container, t))
}

func (x *Containerizer) ended(c *container, t *slavepb.ContainerTermination) {
	c.over = true
	x.Log().WithLevel(c.Level()).Stringer("container_id", c.ID).Int32("status", t.GetStatus()).Msg("container is over")
	x.leave(c)
	x.discard(c)
	c.done.Set(t)
}

// destroy destroys a container and those nested in it.
func (x *Containerizer) destroy(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	c := x.find(id)
	if c == nil {
		return runtime.Failed[*slavepb.ContainerTermination](containerizer.ErrUnknown)
	}
	if !c.unwanted && !c.over {
		c.unwanted = true
		c.starting.Discard()
		for _, inner := range c.nested() {
			x.destroy(inner)
		}
		x.kill(c)
	}
	return c.done.Future()
}

// kill kills the process of a container. If there is none yet, it is killed when it starts.
func (x *Containerizer) kill(c *container) {
	started := c.process
	if started == nil {
		return
	}
	if started.board != nil {
		started.board.Flow()
	}
	killed := runtime.Go(x, func(context.Context) (struct{}, error) { return struct{}{}, started.kill() })
	runtime.Await(x, killed, func(_ struct{}, err error) {
		if err != nil {
			x.notKilled++
			x.Log().Error().Err(err).Stringer("container_id", c.ID).Msg("container not killed")
		}
	})
}
