package validate

import (
	"bytes"
	"errors"
	"fmt"

	"meseta/messages/mesospb"
)

// Command says what is wrong with a command: its environment, that is.
func Command(c *mesospb.CommandInfo) error { return Environment(c.GetEnvironment()) }

// Environment says what is wrong with an environment; nil is a good one.
func Environment(e *mesospb.Environment) error {
	for _, v := range e.GetVariables() {
		if err := variable(v); err != nil {
			return fmt.Errorf("environment variable %q: %w", v.GetName(), err)
		}
	}
	return nil
}

func variable(v *mesospb.Environment_Variable) error {
	switch v.GetType() {
	case mesospb.Environment_Variable_SECRET:
		return secretVariable(v)
	case mesospb.Environment_Variable_VALUE:
		if v.Value == nil {
			return errors.New("one of type VALUE must have a value")
		}
		if v.Secret != nil {
			return errors.New("one of type VALUE must not have a secret")
		}
		return nil
	default:
		return errors.New("the type UNKNOWN is not allowed")
	}
}

func secretVariable(v *mesospb.Environment_Variable) error {
	if v.Secret == nil {
		return errors.New("one of type SECRET must have a secret")
	}
	if v.Value != nil {
		return errors.New("one of type SECRET must not have a value")
	}
	if err := Secret(v.Secret); err != nil {
		return err
	}
	if bytes.IndexByte(v.Secret.GetValue().GetData(), 0) >= 0 {
		return errors.New("a secret in the environment must not contain a NUL byte")
	}
	return nil
}

// Secret says what is wrong with a secret.
func Secret(s *mesospb.Secret) error {
	switch s.GetType() {
	case mesospb.Secret_REFERENCE:
		if s.Reference == nil || s.Value != nil {
			return errors.New("a secret of type REFERENCE must have a reference and no value")
		}
	case mesospb.Secret_VALUE:
		if s.Value == nil || s.Reference != nil {
			return errors.New("a secret of type VALUE must have a value and no reference")
		}
	}
	return nil
}
