package oversubscription

import (
	"errors"
	"fmt"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/membership"
	"meseta/slave/updates"
)

// correct asks the controller which executors have to go.
//
// Mesos: Slave::qosCorrections.
func (o *Oversubscription) correct() {
	runtime.Await(o, o.options.Controller.Corrections(), func(corrections []*slavepb.QoSCorrection, err error) {
		o.Delay(o.options.CorrectionInterval, o.correct)
		switch state := o.options.Agent.State(); {
		case state == membership.Recovering || state == membership.Terminating:
			o.Log().Warn().Stringer("state", state).Msg("cannot perform QoS corrections in this state")
		case err != nil:
			if o.correcting.begins() {
				o.Log().Warn().Err(err).Msg("failed to get corrections from the QoS controller; nothing more is logged until it answers again")
			}
		default:
			if o.correcting.ends() {
				o.Log().Info().Msg("the QoS controller answers again")
			}
			o.carryOut(corrections)
		}
	})
}

func (o *Oversubscription) carryOut(corrections []*slavepb.QoSCorrection) {
	for _, c := range corrections {
		if err := o.kill(c); err != nil {
			o.Log().Warn().Err(err).Str("framework_id", c.GetKill().GetFrameworkId().GetValue()).
				Str("executor_id", c.GetKill().GetExecutorId().GetValue()).Msg("QoS correction ignored")
		}
	}
}

// kill carries out a correction, or returns an error.
//
// Mesos: Slave::_qosCorrections.
func (o *Oversubscription) kill(c *slavepb.QoSCorrection) error {
	if c.GetType() != slavepb.QoSCorrection_KILL {
		return fmt.Errorf("type %s is not supported", c.GetType())
	}
	f, e, err := o.find(c.GetKill())
	if err != nil {
		return err
	}
	o.Log().Info().Stringer("executor_id", e.ID).Stringer("framework_id", f.ID).Stringer("container_id", e.Container).
		Msg("killing the executor as a QoS correction")
	e.State = book.Terminating
	o.preempted++
	o.options.Destroy(e, updates.Outcome{
		State:   f.LostOr(mesospb.TaskState_TASK_GONE),
		Reason:  mesospb.TaskStatus_REASON_CONTAINER_PREEMPTED,
		Message: "Container preempted by QoS correction",
	})
	return nil
}

// find returns the executor to be killed. If the correction names a container, it must be that of the executor's
// current run.
func (o *Oversubscription) find(k *slavepb.QoSCorrection_Kill) (*book.Framework, *book.Executor, error) {
	if k.GetFrameworkId() == nil {
		return nil, nil, errors.New("framework id not specified")
	}
	if k.GetExecutorId() == nil {
		return nil, nil, errors.New("executor id not specified")
	}
	f := o.options.Book.Framework(ids.FrameworkOf(k.GetFrameworkId()))
	if f == nil {
		return nil, nil, errors.New("framework cannot be found")
	}
	if f.Terminating {
		return nil, nil, errors.New("framework is terminating")
	}
	e := f.Executor(ids.ExecutorOf(k.GetExecutorId()))
	if e == nil {
		return nil, nil, errors.New("executor cannot be found")
	}
	if id := k.GetContainerId(); id != nil && ids.ContainerOf(id) != e.Container {
		return nil, nil, fmt.Errorf("container %s cannot be found", ids.ContainerOf(id))
	}
	if e.State >= book.Terminating {
		return nil, nil, fmt.Errorf("executor is %s", e.State)
	}
	return f, e, nil
}
