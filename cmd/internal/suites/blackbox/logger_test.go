package blackbox

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// rotating are the flags of an agent whose containers have logs of a page, of which so many are kept.
func rotating(kept int) []string {
	const name = "org_apache_mesos_LogrotateContainerLogger"
	return []string{"--container_logger=" + name, fmt.Sprintf(`--modules={"libraries": [{"file": "liblogrotate_container_logger.so", "modules": [{
		"name": "%s", "parameters": [{"key": "max_stdout_size", "value": "4KB"}, {"key": "logrotate_stdout_options", "value": "rotate %d"}]
	}]}]}`, name, kept)}
}

// numbersIn returns the numbers in the stdout of the only executor below a work directory, from the oldest on, and how many
// files there are. It fails the test if one has more than most bytes.
func numbersIn(t *testing.T, work string, most int) (lines []string, files int) {
	t.Helper()
	dirs, err := filepath.Glob(work + "/slaves/*/frameworks/*/executors/*/runs/latest")
	if err != nil || len(dirs) != 1 {
		t.Fatalf("%v, %v", dirs, err)
	}
	text := ""
	for i := 100; i >= 0; i-- {
		name := "stdout"
		if i > 0 {
			name = fmt.Sprintf("stdout.%d", i)
		}
		part, err := os.ReadFile(filepath.Join(dirs[0], name))
		if err != nil {
			continue
		}
		files++
		if text += string(part); len(part) > most {
			t.Errorf("%s has %d bytes, more than %d", name, len(part), most)
		}
	}
	return regexp.MustCompile(`(?m)^\d+$`).FindAllString(text, -1), files
}

// What a task says is in files of bounded size, as its agent and its environment have it, and none of it is missing when the
// agent was killed meanwhile.
func TestLogsOfTasksAreRotated(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	work, dir, port, g := t.TempDir(), t.TempDir(), freePort(t), newGate(t)
	flags := append(rotating(50), "--runtime_dir="+dir)
	agent := startAgent(t, port, m.address, work, flags...)
	p := execute(t, m.address, "talker", "seq 1 3000; "+g.wait()+"; seq 3001 6000", "--checkpoint",
		`--env={"CONTAINER_LOGGER_MAX_STDOUT_SIZE":"8KB"}`)
	p.awaits("TASK_RUNNING")
	agent.signal(syscall.SIGKILL)
	agent.ends()
	g.open(t) // it goes on without an agent
	agent = startAgent(t, port, m.address, work, flags...)
	agent.awaits("] re-registered ")
	if status := p.ends(); status != 0 {
		t.Fatalf("exit status %d", status)
	}
	agent.awaits("] container is over ") // its task has ended before
	lines, files := numbersIn(t, work, 8192)
	if len(lines) != 6000 || lines[0] != "1" || lines[5999] != "6000" || files < 3 {
		t.Errorf("%d numbers in %d files", len(lines), files)
	}
}

// A setting that makes no sense fails the task that has it, and no other.
func TestSettingsOfLogsThatAreRefused(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	work := t.TempDir()
	startAgent(t, "0", m.address, work, rotating(1)...)
	for variable, want := range map[string]string{
		`"CONTAINER_LOGGER_MAX_STDOUT_SIZE":"1B"`:                      "Expected --max_stdout_size and --max_stderr_size of at least 4096 bytes",
		`"CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS":"postrotate\nid"`: "the option 'postrotate' of logrotate is not supported",
		`"CONTAINER_LOGGER_COLOR":"red"`:                               "Failed to load unknown flag 'color'",
	} {
		p := execute(t, m.address, "wrong", "echo hello", "--env={"+variable+"}")
		status := p.ends()
		for _, text := range []string{"TASK_FAILED", "REASON_CONTAINER_LAUNCH_FAILED", "Failed to load container logger settings: ", want} {
			if out := p.out.String(); status == 0 || !strings.Contains(out, text) {
				t.Errorf("exit status %d, without %s: %s", status, text, out)
			}
		}
	}
	if status := execute(t, m.address, "right", "echo hello").ends(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}
