package oversubscription

import (
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/book"
)

// Usage returns the resources of every executor, with its usage. An executor that cannot be measured has no statistics.
//
// Mesos: Slave::usage.
func (o *Oversubscription) Usage() runtime.Future[*mesospb.ResourceUsage] {
	usage := &mesospb.ResourceUsage{Total: o.options.Agent.Ledger().Total.Proto()}
	var measured []runtime.Future[*mesospb.ResourceStatistics]
	for f := range o.options.Book.Frameworks() {
		for e := range f.Executors() {
			if e.State != book.Terminated {
				usage.Executors = append(usage.Executors, describe(e))
				measured = append(measured, o.options.Containers.Usage(e.Container))
			}
		}
	}
	return runtime.Continue(o, runtime.Settled(measured...), func(all []runtime.Result[*mesospb.ResourceStatistics], err error) (*mesospb.ResourceUsage, error) {
		for i, r := range all {
			if usage.Executors[i].Statistics = r.Value; r.Err != nil {
				o.Log().Warn().Err(r.Err).Str("executor_id", usage.Executors[i].GetExecutorInfo().GetExecutorId().GetValue()).
					Msg("executor not measured")
			}
		}
		return usage, err
	})
}

// describe returns the resources of an executor and of its tasks.
func describe(e *book.Executor) *mesospb.ResourceUsage_Executor {
	x := &mesospb.ResourceUsage_Executor{ExecutorInfo: e.Info, Allocated: e.Resources(), ContainerId: e.Container.Proto()}
	for t := range e.Launched() {
		x.Tasks = append(x.Tasks, &mesospb.ResourceUsage_Executor_Task{
			Name: t.Name, Id: t.GetTaskId(), Resources: t.GetResources(), Labels: t.GetLabels(),
		})
	}
	return x
}
