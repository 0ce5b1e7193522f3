package blackbox

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Whoever reads what daemons log, such as journald or tee, may end. Master and agent go on without, and run a task, for whose
// processes a broken pipe is as deadly as ever.
func TestDaemonsOutliveTheReadersOfTheirLogs(t *testing.T) {
	t.Parallel()
	master := startUnread(t, "mesos-master", "--ip=127.0.0.1", "--port=0", "--hostname=localhost", "--work_dir="+t.TempDir())
	agent := startUnread(t, "mesos-agent", agentArgs("0", master.address, t.TempDir(), nil)...)
	const isDeadly = `test $((0x$(sed -n 's/^SigIgn:[[:space:]]*//p' /proc/self/status) & 0x1000)) = 0`
	p := execute(t, master.address, "pipes", isDeadly)
	if status := p.ends(); status != 0 {
		t.Errorf("the task ignores SIGPIPE, or did not run: exit status %d, and printed\n%s", status, p.out)
	}
	for _, daemon := range []*process{master, agent} {
		if status, body := daemon.get("/version"); status != http.StatusOK {
			t.Errorf("%s: %d, %s", daemon.name, status, body)
		}
	}
}

// startUnread starts a daemon whose output nobody reads any more when it can be reached.
func startUnread(t *testing.T, name string, args ...string) *process {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	cmd := exec.Command(filepath.Join(bin, name), args...)
	cmd.Stdout, cmd.Stderr = writer, writer
	return startReady(t, nil, name, cmd)
}
