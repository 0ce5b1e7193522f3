package mesosgo

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"meseta/cmd/internal/suites/conformance/local"
)

// The example scheduler on the v0 driver authenticates by CRAM-MD5. One with a wrong secret is refused, and never registers.
func TestV0Credentials(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	local.Build(t, ".", bin, "github.com/mesos/mesos-go/api/v0/examples/scheduler", "github.com/mesos/mesos-go/api/v0/examples/executor")
	run := func(secret, limit string) (said, logged string, err error) {
		return local.Guarded(t, "", "timeout", limit, filepath.Join(bin, "scheduler"), "-master={master}", "-executor="+filepath.Join(bin, "executor"),
			"-artifactPort="+strconv.Itoa(local.FreePort(t)), "-task-count=1", "-logtostderr=true",
			"-mesos_authentication_principal=gopher", "-mesos_authentication_secret_file="+local.Secret(t, secret))
	}
	const finished = "is in state  TASK_FINISHED"
	if said, logged, err := run("burrow", "100s"); err != nil || strings.Count(said, finished) != 1 || !strings.Contains(logged, "peer authenticated") {
		t.Errorf("with the secret: %v\n%s\n%s", err, said, logged)
	}
	if said, logged, err := run("den", "5s"); err == nil || strings.Contains(said, "Framework Registered") || !strings.Contains(logged, "Invalid credentials") {
		t.Errorf("with another secret: %v\n%s\n%s", err, said, logged)
	}
}

// The example scheduler of the HTTP API logs in. One with a wrong password is refused, and never subscribes.
func TestV1Credentials(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	local.Build(t, ".", bin, commands+"example-scheduler", commands+"example-executor")
	run := func(secret, limit string) (said, logged string) {
		said, logged, _ = local.Guarded(t, "", "timeout", limit, filepath.Join(bin, "example-scheduler"), "-url=http://{master}/api/v1/scheduler",
			"-executor="+filepath.Join(bin, "example-executor"), "-exec.image=", "-tasks=1", "-server.port=0", "-metrics.port=0", "-verbose",
			"-principal=gopher", "-authmode=basic", "-credentials.username=gopher", "-credentials.passwordFile="+local.Secret(t, secret))
		return said, logged
	}
	const refusal = "wrong credentials in an HTTP request"
	if said, logged := run("burrow", "100s"); !strings.Contains(said, "Task 1 is in state TASK_FINISHED") || strings.Contains(logged, refusal) {
		t.Errorf("with the password:\n%s\n%s", said, logged)
	}
	if said, logged := run("den", "5s"); strings.Contains(said, "FrameworkID") || !strings.Contains(logged, refusal) {
		t.Errorf("with another password:\n%s\n%s", said, logged)
	}
}
