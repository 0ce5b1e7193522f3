package slave

import (
	"context"
	"slices"

	"meseta/actors/hooks"
	"meseta/messages/pb/mesospb"
	"meseta/messages/shallow"
	"meseta/runtime"
	"meseta/slave/book"
)

// decorate has hooks change the labels of the tasks of a launch, and then calls then, at once if there are none. Hooks that
// take too long change nothing.
//
// Mesos: Slave::run.
func (s *Slave) decorate(l *book.Launch, f *mesospb.FrameworkInfo, then func()) {
	h := s.config.Hooks
	if !h.Has(func(h hooks.Hook) bool { return h.SlaveRunTaskLabelDecorator != nil }) {
		then()
		return
	}
	tasks, executor, agent := slices.Clone(l.Tasks), l.Executor, s.membership.Info()
	decorated := runtime.Go(s, func(ctx context.Context) (failed []error, _ error) {
		for i, t := range tasks {
			t = shallow.Copy(t)
			labels, err := h.SlaveRunTaskLabelDecorator(ctx, t, executor, f, agent)
			if err != nil {
				failed = append(failed, err)
			}
			tasks[i], t.Labels = t, labels
		}
		return failed, nil
	})
	runtime.Await(s, runtime.Within(s, decorated, hooks.LaunchPatience, hooks.ErrPatience), func(failed []error, err error) {
		if err == nil {
			l.Tasks = tasks
		} else {
			failed = []error{err}
		}
		if failed != nil {
			s.Log().Warn().Errs("errors", failed).Strs("task_ids", book.TaskIDs(l.Tasks)).Msg("labels of tasks not decorated")
		}
		then()
	})
}

// fetched returns what tells the hooks of fetched URIs, or nil if none wants to know.
func (c Config) fetched() func(context.Context, *mesospb.ContainerID, string) error {
	if c.Hooks.Has(func(h hooks.Hook) bool { return h.SlavePostFetchHook != nil }) {
		return c.Hooks.SlavePostFetchHook
	}
	return nil
}
