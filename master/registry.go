package master

import (
	"fmt"

	"meseta/actors/registrar"
	"meseta/messages/pb/registrypb"
	"meseta/runtime"
)

// done is of what an operator asks for: it fails with a [Refusal], or because the registry cannot be written.
type done = runtime.Future[struct{}]

func failed(err error) done { return runtime.Failed[struct{}](err) }

// write applies op to the registry and continues when it is stored, or refused: what it is about can have changed
// between the question and the answer. Only a registry that cannot be written ends this master.
func (m *Master) write(what string, op registrar.Operation, then func(accepted bool)) {
	runtime.Await(m, registrar.Apply(m.Registrar, op), func(accepted bool, err error) {
		switch {
		case err != nil:
			m.giveUp(fmt.Errorf("%s: %w", what, err))
			return
		case !accepted:
			m.Log().Warn().Str("what", what).Msg("the registry refuses a change that the book allowed")
		}
		then(accepted)
	})
}

// try is write for callers that somebody waits for. It fails if the registry cannot be written, too.
func (m *Master) try(what string, op registrar.Operation, then func(accepted bool) error) done {
	return runtime.Continue(m, registrar.Apply(m.Registrar, op), func(accepted bool, err error) (struct{}, error) {
		if err != nil {
			err = fmt.Errorf("%s: %w", what, err)
			m.giveUp(err)
			return struct{}{}, err
		}
		return struct{}{}, then(accepted)
	})
}

// store is [Master.try] for those who have nothing to do if the registry refuses.
func (m *Master) store(what string, op registrar.Operation, then func() error) done {
	return m.try(what, op, func(accepted bool) error {
		if !accepted {
			return refused(Conflict, "The registry refuses to %s", what)
		}
		return then()
	})
}

// reread reads the registry after op changed it.
func (m *Master) reread(then func(*registrypb.Registry)) done {
	return runtime.Continue(m, runtime.Dispatch(m.Registrar, (*registrar.Registrar).Registry), func(r *registrypb.Registry, err error) (struct{}, error) {
		if err != nil {
			m.giveUp(err)
			return struct{}{}, err
		}
		then(r)
		return struct{}{}, nil
	})
}
