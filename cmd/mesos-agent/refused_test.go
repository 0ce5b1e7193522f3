package main

import (
	"strings"
	"testing"

	"meseta/cmd/internal/flags"
	"meseta/slave/containerizer/mesos/isolation"
)

// A flag for containers that this agent does not have is refused with advice, on the command line and in the environment. If
// the agent has it, it does not belong to the tables.
func TestRefusedFlags(t *testing.T) {
	t.Parallel()
	advice := map[string]string{}
	for isolator, names := range ofIsolators {
		reason := isolation.Advice(isolator)
		if reason == "" {
			t.Errorf("%s is supported", isolator)
		}
		c := isolation.Config{Launcher: "linux", Isolation: "filesystem/linux," + isolator}
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("--isolation=%s: %v", isolator, err)
		}
		for _, name := range names {
			advice[name] = reason
		}
	}
	for name, reason := range ofContainers {
		advice[name] = reason
	}
	for name, reason := range advice {
		for _, given := range []struct {
			args, environ []string
			spelled       string
		}{
			{args: []string{"--" + name + "=x"}, spelled: "--" + name},
			{environ: []string{"MESOS_" + strings.ToUpper(name) + "=x"}, spelled: "MESOS_" + strings.ToUpper(name)},
		} {
			set := flags.New("mesos-agent", "")
			bind(set)
			_, err := set.Parse(append(given.args, required...), given.environ)
			if want := "flag " + given.spelled + " of Mesos is not supported yet: " + reason; err == nil || err.Error() != want {
				t.Errorf("%s: %v, want %s", given.spelled, err, want)
			}
		}
	}
}
