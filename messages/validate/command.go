package validate

import (
	"bytes"
	"errors"
	"fmt"

	"meseta/messages/pb/mesospb"
)

// CheckCommand returns an error if the environment of a command is invalid.
//
// Mesos: common::validation::validateCommandInfo.
func CheckCommand(c *mesospb.CommandInfo) error {
	for _, v := range c.GetEnvironment().GetVariables() {
		if err := variable(v); err != nil {
			return err
		}
	}
	return nil
}

// variable returns an error if v is invalid.
//
// Mesos: common::validation::validateEnvironment.
func variable(v *mesospb.Environment_Variable) error {
	switch v.GetType() {
	case mesospb.Environment_Variable_SECRET:
		return secretVariable(v)
	case mesospb.Environment_Variable_VALUE:
		switch {
		case v.Value == nil:
			return errVariable(v, "of type 'VALUE' must have a value set")
		case v.Secret != nil:
			return errVariable(v, "of type 'VALUE' must not have a secret set")
		}
		return nil
	default:
		return errors.New("Environment variable of type 'UNKNOWN' is not allowed")
	}
}

func secretVariable(v *mesospb.Environment_Variable) error {
	switch {
	case v.Secret == nil:
		return errVariable(v, "of type 'SECRET' must have a secret set")
	case v.Value != nil:
		return errVariable(v, "of type 'SECRET' must not have a value set")
	}
	if err := Secret(v.Secret); err != nil {
		return errVariable(v, "specifies an invalid secret: "+err.Error())
	}
	if bytes.IndexByte(v.Secret.GetValue().GetData(), 0) >= 0 {
		return errVariable(v, "specifies a secret containing null bytes, which is not allowed in the environment")
	}
	return nil
}

func errVariable(v *mesospb.Environment_Variable, what string) error {
	return fmt.Errorf("Environment variable '%s' %s", v.GetName(), what)
}

// Secret returns an error if s is invalid.
//
// Mesos: common::validation::validateSecret.
func Secret(s *mesospb.Secret) error {
	switch s.GetType() {
	case mesospb.Secret_REFERENCE:
		switch {
		case s.Reference == nil:
			return errors.New("Secret of type REFERENCE must have the 'reference' field set")
		case s.Value != nil:
			return fmt.Errorf("Secret '%s' of type REFERENCE must not have the 'value' field set", s.GetReference().GetName())
		}
	case mesospb.Secret_VALUE:
		switch {
		case s.Value == nil:
			return errors.New("Secret of type VALUE must have the 'value' field set")
		case s.Reference != nil:
			return errors.New("Secret of type VALUE must not have the 'reference' field set")
		}
	}
	return nil
}
