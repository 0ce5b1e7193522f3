package checkpoint

import (
	"fmt"
	"path/filepath"

	"meseta/actors/operationupdate"
	"meseta/messages/ids"
)

// operations reads the status updates of operations, sorted by ID.
//
// Mesos: Slave::_recoverOperations, StatusUpdateManagerProcess::recover.
func (r *reader) operations(at Agent) ([]OperationState, error) {
	var all []OperationState
	for _, name := range r.directories(at.Operations()) {
		id, err := ids.ParseUUID(name)
		if err != nil {
			return nil, fmt.Errorf("Failed to parse operation status update stream path '%s': %w", filepath.Join(at.Operations(), name), err)
		}
		s, err := r.operation(at, id)
		if err != nil {
			return nil, fmt.Errorf("Failed to recover operation status update manager: %w", err)
		}
		all = append(all, s)
	}
	return all, nil
}

func (r *reader) operation(at Agent, id ids.UUID) (OperationState, error) {
	s := OperationState{ID: id}
	content, found, err := r.content(at.OperationUpdates(id), "operation status updates")
	if err != nil || !found {
		return s, err
	}
	s.Updates, err = operationupdate.Decode(content)
	if err != nil {
		err = r.damaged("Failed to recover operation status update stream %s: Failed to read '%s': %w", id, at.OperationUpdates(id), err)
	}
	return s, err
}
