package validate

import (
	"errors"
	"fmt"
	"strings"

	"meseta/messages/pb/mesospb"
	"meseta/messages/validate"
)

// healthCheck returns an error if a health check is invalid.
//
// Mesos: common::validation::validateHealthCheck.
func healthCheck(h *mesospb.HealthCheck) error {
	if h.Type == nil {
		return errors.New("HealthCheck must specify 'type'")
	}
	if err := healthCheckKind(h); err != nil {
		return err
	}
	return notNegative([]seconds{
		{"delay_seconds", h.GetDelaySeconds()}, {"grace_period_seconds", h.GetGracePeriodSeconds()},
		{"interval_seconds", h.GetIntervalSeconds()}, {"timeout_seconds", h.GetTimeoutSeconds()},
	})
}

func healthCheckKind(h *mesospb.HealthCheck) error {
	switch h.GetType() {
	case mesospb.HealthCheck_COMMAND:
		if h.Command == nil {
			return errExpectingFor("command", "COMMAND health check")
		}
		return checkCommand(h.Command, "Command health check", "Health check's")
	case mesospb.HealthCheck_HTTP:
		if h.Http == nil {
			return errExpectingFor("http", "HTTP health check")
		}
		if s := h.GetHttp().GetScheme(); h.GetHttp().Scheme != nil && s != "http" && s != "https" {
			return fmt.Errorf("Unsupported HTTP health check scheme: '%s'", s)
		}
		return checkPath(h.GetHttp().Path, "HTTP health check")
	case mesospb.HealthCheck_TCP:
		if h.Tcp == nil {
			return errExpectingFor("tcp", "TCP health check")
		}
		return nil
	default:
		return errors.New("'UNKNOWN' is not a valid health check type")
	}
}

// checkInfo returns an error if a check is invalid.
//
// Mesos: common::validation::validateCheckInfo.
func checkInfo(c *mesospb.CheckInfo) error {
	if c.Type == nil {
		return errors.New("CheckInfo must specify 'type'")
	}
	if err := checkKind(c); err != nil {
		return err
	}
	return notNegative([]seconds{
		{"delay_seconds", c.GetDelaySeconds()}, {"interval_seconds", c.GetIntervalSeconds()},
		{"timeout_seconds", c.GetTimeoutSeconds()},
	})
}

func checkKind(c *mesospb.CheckInfo) error {
	switch c.GetType() {
	case mesospb.CheckInfo_COMMAND:
		if c.Command == nil {
			return errExpectingFor("command", "COMMAND check")
		}
		return checkCommand(c.GetCommand().GetCommand(), "Command check", "Check's")
	case mesospb.CheckInfo_HTTP:
		if c.Http == nil {
			return errExpectingFor("http", "HTTP check")
		}
		return checkPath(c.GetHttp().Path, "HTTP check")
	case mesospb.CheckInfo_TCP:
		if c.Tcp == nil {
			return errExpectingFor("tcp", "TCP check")
		}
		return nil
	default:
		return errors.New("'UNKNOWN' is not a valid check type")
	}
}

func errExpectingFor(field, kind string) error {
	return fmt.Errorf("Expecting '%s' to be set for %s", field, kind)
}

func checkCommand(c *mesospb.CommandInfo, kind, whose string) error {
	if c.GetValue() == "" && (c == nil || c.Value == nil) {
		missing := "'executable path'"
		if c.GetShell() {
			missing = "'shell command'"
		}
		return fmt.Errorf("%s must contain %s", kind, missing)
	}
	return in(whose+" `CommandInfo` is invalid", validate.CheckCommand(c))
}

func checkPath(path *string, kind string) error {
	if path != nil && !strings.HasPrefix(*path, "/") {
		return fmt.Errorf("The path '%s' of %s must start with '/'", *path, kind)
	}
	return nil
}

// seconds is a duration of a check with the name of its field.
type seconds struct {
	field string
	value float64
}

func notNegative(times []seconds) error {
	for _, t := range times {
		if !(t.value >= 0) { // also refuses NaN
			return fmt.Errorf("Expecting '%s' to be non-negative", t.field)
		}
	}
	return nil
}
