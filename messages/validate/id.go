package validate

import (
	"errors"
	"fmt"
	"strings"

	"meseta/messages/pb/mesospb"
)

const (
	maxID          = 255 // NAME_MAX: an ID becomes the name of a file on the agent
	maxContainerID = 242 // leaves room for what a launcher appends
)

// ID returns an error if id cannot be the name of a file.
//
// Mesos: common::validation::validateID.
func ID(id string) error {
	switch {
	case id == "":
		return errors.New("ID must not be empty")
	case len(id) > maxID:
		return fmt.Errorf("ID must not be greater than %d characters", maxID)
	case id == "." || id == "..":
		return fmt.Errorf("'%s' is disallowed", id)
	case strings.ContainsFunc(id, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '/' || r == '\\' }):
		return fmt.Errorf("'%s' contains invalid characters", id)
	}
	return nil
}

// ContainerID returns an error if the ID of a container or of one of its parents is invalid.
//
// Mesos: slave::validation::container::validateContainerId.
func ContainerID(id *mesospb.ContainerID) error {
	value := id.GetValue()
	if err := ID(value); err != nil {
		return err
	}
	switch {
	case len(value) > maxContainerID:
		return fmt.Errorf("'ContainerID.value' '%s' exceeds the maximum length (%d)", value, maxContainerID)
	case strings.ContainsAny(value, ". "):
		return fmt.Errorf("'ContainerID.value' '%s' contains invalid characters", value)
	}
	if id.GetParent() != nil {
		if err := ContainerID(id.GetParent()); err != nil {
			return fmt.Errorf("'ContainerID.parent' is invalid: %w", err)
		}
	}
	return nil
}
