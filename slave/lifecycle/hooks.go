package lifecycle

import (
	"context"

	"github.com/rs/zerolog"

	"meseta/actors/hooks"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/book"
)

// variables are environment variables that hooks give an executor.
type variables struct {
	hooks    *hooks.Hooks
	executor *mesospb.ExecutorInfo
	given    *mesospb.Environment
	failed   error
}

func (s *Executors) variables(e *book.Executor) *variables {
	if !s.hooks.Has(func(h hooks.Hook) bool { return h.SlaveExecutorEnvironmentDecorator != nil }) {
		return &variables{}
	}
	return &variables{hooks: s.hooks, executor: e.Info}
}

// ask asks the hooks. It blocks.
func (v *variables) ask(ctx context.Context) {
	if v.hooks != nil {
		v.given, v.failed = v.hooks.SlaveExecutorEnvironmentDecorator(ctx, v.executor)
	}
}

// add adds what the hooks gave to the environment of the executor.
//
// Mesos: executorEnvironment.
func (v *variables) add(environment map[string]string, log *zerolog.Logger) map[string]string {
	if v.failed != nil {
		log.Warn().Err(v.failed).Str("executor_id", v.executor.GetExecutorId().GetValue()).Msg("environment of an executor not decorated")
	}
	for _, x := range v.given.GetVariables() {
		if x.GetType() != mesospb.Environment_Variable_SECRET {
			environment[x.GetName()] = x.GetValue()
		}
	}
	return environment
}

// tellRemoved tells the hooks that an executor is removed.
func (s *Executors) tellRemoved(f *book.Framework, e *book.Executor) {
	if !s.hooks.Has(func(h hooks.Hook) bool { return h.SlaveRemoveExecutorHook != nil }) {
		return
	}
	framework, executor := f.Info, e.Info
	told := runtime.Go(s, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.hooks.SlaveRemoveExecutorHook(ctx, framework, executor)
	})
	runtime.Await(s, told, func(_ struct{}, err error) {
		if err != nil {
			s.Log().Warn().Err(err).Str("executor_id", executor.GetExecutorId().GetValue()).Msg("not all hooks were told that an executor is removed")
		}
	})
}
