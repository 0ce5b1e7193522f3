package leadership

import (
	"fmt"

	"meseta/actors/registrar"
	"meseta/master/refusal"
	"meseta/messages/pb/registrypb"
	"meseta/runtime"
)

// Done is the outcome of a decision. It fails with a [refusal.Refusal], or because the registry cannot be written.
type Done = runtime.Future[struct{}]

// Failed returns a decision that failed with err.
func Failed(err error) Done { return runtime.Failed[struct{}](err) }

// Registry is the leader's access to the registry. The registry refuses a change if the situation changed after it was
// decided. A registry that cannot be read or written ends the master.
type Registry struct {
	*runtime.Actor // the master's
	registrar      runtime.Ref[*registrar.Registrar]
	giveUp         func(reason error)
}

// NewRegistry returns the access of an actor to the registry of registrar. giveUp is called when it cannot be read or
// written.
func NewRegistry(actor *runtime.Actor, registrar runtime.Ref[*registrar.Registrar], giveUp func(reason error)) *Registry {
	return &Registry{actor, registrar, giveUp}
}

// Write applies op and calls then when it is stored or refused.
func (r *Registry) Write(what string, op registrar.Operation, then func(accepted bool)) {
	runtime.Await(r, registrar.Apply(r.registrar, op), func(accepted bool, err error) {
		switch {
		case err != nil:
			r.giveUp(fmt.Errorf("%s: %w", what, err))
			return
		case !accepted:
			r.Log().Warn().Str("what", what).Msg("the registry refuses a change that the book allowed")
		}
		then(accepted)
	})
}

// Try is like [Registry.Write], for callers that report the outcome. It also fails if the registry cannot be written.
func (r *Registry) Try(what string, op registrar.Operation, then func(accepted bool) error) Done {
	return runtime.Continue(r, registrar.Apply(r.registrar, op), func(accepted bool, err error) (struct{}, error) {
		if err != nil {
			err = fmt.Errorf("%s: %w", what, err)
			r.giveUp(err)
			return struct{}{}, err
		}
		return struct{}{}, then(accepted)
	})
}

// Store is like [Registry.Try], for callers that have nothing to do if the registry refuses.
func (r *Registry) Store(what string, op registrar.Operation, then func() error) Done {
	return r.Try(what, op, func(accepted bool) error {
		if !accepted {
			return refusal.New(refusal.Conflict, "The registry refuses to %s", what)
		}
		return then()
	})
}

// Reread reads the registry after a change.
func (r *Registry) Reread(then func(*registrypb.Registry)) Done {
	return runtime.Continue(r, runtime.Dispatch(r.registrar, (*registrar.Registrar).Registry), func(all *registrypb.Registry, err error) (struct{}, error) {
		if err != nil {
			r.giveUp(err)
			return struct{}{}, err
		}
		then(all)
		return struct{}{}, nil
	})
}
