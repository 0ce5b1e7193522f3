package validate

import (
	"errors"
	"fmt"
	"strings"

	"meseta/messages/mesospb"
)

// HealthCheck says what is wrong with a health check.
func HealthCheck(h *mesospb.HealthCheck) error {
	if h.Type == nil {
		return errors.New("a health check must specify its type")
	}
	if err := healthCheckKind(h); err != nil {
		return err
	}
	return notNegative(map[string]float64{
		"delay_seconds": h.GetDelaySeconds(), "grace_period_seconds": h.GetGracePeriodSeconds(),
		"interval_seconds": h.GetIntervalSeconds(), "timeout_seconds": h.GetTimeoutSeconds(),
	})
}

func healthCheckKind(h *mesospb.HealthCheck) error {
	switch h.GetType() {
	case mesospb.HealthCheck_COMMAND:
		return checkCommand(h.GetCommand())
	case mesospb.HealthCheck_HTTP:
		if h.Http == nil {
			return errors.New("a check of type HTTP must have the field http")
		}
		if s := h.GetHttp().GetScheme(); h.GetHttp().Scheme != nil && s != "http" && s != "https" {
			return fmt.Errorf("a check by HTTP does not support the scheme %q", s)
		}
		return checkPath(h.GetHttp().Path)
	case mesospb.HealthCheck_TCP:
		if h.Tcp == nil {
			return errors.New("a check of type TCP must have the field tcp")
		}
		return nil
	default:
		return errors.New("the type UNKNOWN is not a valid check")
	}
}

// Check says what is wrong with a general check.
func Check(c *mesospb.CheckInfo) error {
	if c.Type == nil {
		return errors.New("a check must specify its type")
	}
	if err := checkKind(c); err != nil {
		return err
	}
	return notNegative(map[string]float64{
		"delay_seconds": c.GetDelaySeconds(), "interval_seconds": c.GetIntervalSeconds(),
		"timeout_seconds": c.GetTimeoutSeconds(),
	})
}

func checkKind(c *mesospb.CheckInfo) error {
	switch c.GetType() {
	case mesospb.CheckInfo_COMMAND:
		return checkCommand(c.GetCommand().GetCommand())
	case mesospb.CheckInfo_HTTP:
		if c.Http == nil {
			return errors.New("a check of type HTTP must have the field http")
		}
		return checkPath(c.GetHttp().Path)
	case mesospb.CheckInfo_TCP:
		if c.Tcp == nil {
			return errors.New("a check of type TCP must have the field tcp")
		}
		return nil
	default:
		return errors.New("the type UNKNOWN is not a valid check")
	}
}

func checkCommand(c *mesospb.CommandInfo) error {
	if c == nil {
		return errors.New("a check of type COMMAND must have the field command")
	}
	if c.Value == nil {
		return errors.New("the command of a check must have a shell command or an executable")
	}
	return in("the command of the check", Command(c))
}

func checkPath(path *string) error {
	if path != nil && !strings.HasPrefix(*path, "/") {
		return fmt.Errorf("the path %q of a check by HTTP must start with '/'", *path)
	}
	return nil
}

// CheckStatus says what is wrong with the result of a check.
func CheckStatus(c *mesospb.CheckStatusInfo) error {
	if c.Type == nil {
		return errors.New("a check status must specify its type")
	}
	present, known := map[mesospb.CheckInfo_Type]bool{
		mesospb.CheckInfo_COMMAND: c.Command != nil,
		mesospb.CheckInfo_HTTP:    c.Http != nil,
		mesospb.CheckInfo_TCP:     c.Tcp != nil,
	}[c.GetType()]
	if !known {
		return errors.New("the type UNKNOWN is not a valid check")
	}
	if !present {
		return fmt.Errorf("a check status of type %s must have the field of that name", c.GetType())
	}
	return nil
}

func notNegative(seconds map[string]float64) error {
	for _, name := range []string{"delay_seconds", "grace_period_seconds", "interval_seconds", "timeout_seconds"} {
		if seconds[name] < 0 {
			return fmt.Errorf("%s must not be negative", name)
		}
	}
	return nil
}
