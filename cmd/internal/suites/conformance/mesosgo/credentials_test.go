package mesosgo

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"meseta/cmd/internal/suites/conformance/local"
)

// guarded writes credentials, and returns variables by which a master demands them of frameworks.
func guarded(t *testing.T) (env []string, secret func(word string) (file string)) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return []string{
		"MESOS_CREDENTIALS=" + write("credentials", "gopher burrow\n"),
		"MESOS_AUTHENTICATE_FRAMEWORKS=true", "MESOS_AUTHENTICATE_HTTP_FRAMEWORKS=true", "MESOS_HTTP_FRAMEWORK_AUTHENTICATORS=basic",
	}, func(word string) string { return write(word, word) }
}

// The example scheduler on the v0 driver authenticates by CRAM-MD5. One with a wrong secret never registers.
func TestV0Credentials(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	local.Build(t, ".", bin, "github.com/mesos/mesos-go/api/v0/examples/scheduler", "github.com/mesos/mesos-go/api/v0/examples/executor")
	env, secret := guarded(t)
	run := func(word string, limit string) (string, error) {
		return local.TryWith(t, env, "", "timeout", limit, filepath.Join(bin, "scheduler"), "-master={master}", "-executor="+filepath.Join(bin, "executor"),
			"-artifactPort="+strconv.Itoa(local.FreePort(t)), "-task-count=1", "-logtostderr=true",
			"-mesos_authentication_principal=gopher", "-mesos_authentication_secret_file="+secret(word))
	}
	const finished = "is in state  TASK_FINISHED"
	if out, err := run("burrow", "100s"); err != nil || strings.Count(out, finished) != 1 {
		t.Errorf("with the secret: %v\n%s", err, out)
	}
	if out, err := run("den", "10s"); err == nil || strings.Contains(out, finished) || !strings.Contains(out, "uthenticat") {
		t.Errorf("with another secret: %v\n%s", err, out)
	}
}

// The example scheduler of the HTTP API logs in. One with a wrong password is answered 401.
func TestV1Credentials(t *testing.T) {
	t.Parallel()
	theirs := t.TempDir()
	local.Build(t, ".", theirs, commands+"example-scheduler", commands+"example-executor")
	env, secret := guarded(t)
	run := func(word, limit string) string {
		out, _ := local.TryWith(t, env, "", "timeout", limit, filepath.Join(theirs, "example-scheduler"), "-url=http://{master}/api/v1/scheduler",
			"-executor="+filepath.Join(theirs, "example-executor"), "-exec.image=", fmt.Sprintf("-tasks=%d", tasks),
			"-server.port=0", "-metrics.port=0", "-verbose", "-principal=gopher",
			"-authmode=basic", "-credentials.username=gopher", "-credentials.passwordFile="+secret(word))
		return out
	}
	out := run("burrow", "100s")
	for task := 1; task <= tasks; task++ {
		if line := fmt.Sprintf("Task %d is in state TASK_FINISHED", task); strings.Count(out, line) != 1 {
			t.Errorf("with the password %q was not said once:\n%s", line, out)
		}
	}
	if out := run("den", "10s"); strings.Contains(out, "TASK_FINISHED") || !strings.Contains(strings.ToLower(out), "unauth") && !strings.Contains(out, "401") {
		t.Errorf("with another password:\n%s", out)
	}
}
