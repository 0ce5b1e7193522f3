package validate

import (
	"errors"
	"fmt"

	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/mesospb"
)

// ExecutorCall returns an error if a call of an executor is invalid.
//
// Mesos: common::validation::validateExecutorCall.
func ExecutorCall(c *executorpb.Call) error {
	switch {
	case c.Type == nil:
		return missing("type")
	case c.ExecutorId == nil:
		return missing("executor_id")
	case c.FrameworkId == nil:
		return missing("framework_id")
	}
	switch c.GetType() {
	case executorpb.Call_SUBSCRIBE:
		return present(c.Subscribe != nil, "subscribe")
	case executorpb.Call_MESSAGE:
		return present(c.Message != nil, "message")
	case executorpb.Call_UPDATE:
		if c.Update == nil {
			return missing("update")
		}
		return executorUpdate(c, c.GetUpdate().GetStatus())
	}
	return nil
}

func executorUpdate(c *executorpb.Call, s *mesospb.TaskStatus) error {
	if s.Uuid == nil {
		return missing("uuid")
	}
	if err := ids.CheckUUID(s.GetUuid()); err != nil {
		return err
	}
	executor, framework := c.GetExecutorId().GetValue(), c.GetFrameworkId().GetValue()
	switch {
	case s.ExecutorId != nil && s.GetExecutorId().GetValue() != executor:
		return fmt.Errorf("ExecutorID in Call: %s does not match ExecutorID in TaskStatus: %s", executor, s.GetExecutorId().GetValue())
	case s.GetSource() != mesospb.TaskStatus_SOURCE_EXECUTOR:
		return fmt.Errorf("Received Call from executor %s of framework %s with invalid source, expecting 'SOURCE_EXECUTOR'", executor, framework)
	case !Reportable(s.GetState()):
		return fmt.Errorf("Received %s from executor %s of framework %s which is not allowed", s.GetState(), executor, framework)
	case s.CheckStatus != nil:
		return checkStatus(s.GetCheckStatus())
	}
	return nil
}

// Reportable reports whether an executor may report the state. TASK_STAGING is the state of tasks that no executor has
// seen. Only agents and masters report TASK_UNREACHABLE, TASK_UNKNOWN and TASK_GONE_BY_OPERATOR.
//
// Mesos: Slave::statusUpdate.
//
// Differs: Mesos refuses TASK_STAGING only. Its master then returns a task's resources twice if an executor reports the
// task as unreachable and later as terminal.
func Reportable(state mesospb.TaskState) bool {
	switch state {
	case mesospb.TaskState_TASK_STAGING, mesospb.TaskState_TASK_UNREACHABLE, mesospb.TaskState_TASK_UNKNOWN,
		mesospb.TaskState_TASK_GONE_BY_OPERATOR:
		return false
	}
	return true
}

func checkStatus(c *mesospb.CheckStatusInfo) error {
	if c.Type == nil {
		return errors.New("CheckStatusInfo must specify 'type'")
	}
	set := map[mesospb.CheckInfo_Type]bool{
		mesospb.CheckInfo_COMMAND: c.Command != nil, mesospb.CheckInfo_HTTP: c.Http != nil, mesospb.CheckInfo_TCP: c.Tcp != nil,
	}
	names := map[mesospb.CheckInfo_Type]string{
		mesospb.CheckInfo_COMMAND: "command", mesospb.CheckInfo_HTTP: "http", mesospb.CheckInfo_TCP: "tcp",
	}
	name, known := names[c.GetType()]
	switch {
	case !known:
		return fmt.Errorf("'%s' is not a valid check's status type", c.GetType())
	case !set[c.GetType()]:
		return fmt.Errorf("Expecting '%s' to be set for %s check's status", name, c.GetType())
	}
	return nil
}

func present(set bool, field string) error {
	if set {
		return nil
	}
	return missing(field)
}

func missing(field string) error { return fmt.Errorf("Expecting '%s' to be present", field) }
