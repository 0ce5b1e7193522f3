package driver

import (
	"slices"
	"testing"
)

func TestOnlyLoggingAndTheNetworkAreFlagsOfExecutors(t *testing.T) {
	t.Parallel()
	environ := []string{
		"HOME=/root", "LIBPROCESS_IP=127.0.0.1", "MESOS_DIRECTORY=/sandbox", "MESOS_LOGGING_LEVEL=WARNING", "MESOS_USER=app",
		"MESOS_QUIET=", "MESOS_LOG_DIR=/var/log/mesos",
	}
	want := []string{
		"LIBPROCESS_IP=127.0.0.1", "MESOS_LOGGING_LEVEL=WARNING", "MESOS_QUIET=", "MESOS_LOG_DIR=/var/log/mesos",
	}
	if got := ExecutorVariables(environ); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
