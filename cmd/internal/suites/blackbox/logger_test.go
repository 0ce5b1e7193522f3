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
	return numbersOf(t, work, "*", most)
}

// numbersOf is numbersIn of the executor of that ID.
func numbersOf(t *testing.T, work, executor string, most int) (lines []string, files int) {
	t.Helper()
	dirs, err := filepath.Glob(work + "/slaves/*/frameworks/*/executors/" + executor + "/runs/latest")
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

// What Docker's containers say is written by the same loggers: to files of bounded size, as the agent or the task has it, also while no
// agent runs.
func TestLogsOfDockersContainersAreRotated(t *testing.T) {
	t.Parallel()
	d := newDock(t, rotating(50)...)
	work := filepath.Join(d.dir, "agent")
	const said = "i=1; while test $i -le 3000; do echo $i; i=$((i+1)); done; while ! test -e /mnt/mesos/sandbox/go; do sleep 0.05; done; while test $i -le 6000; do echo $i; i=$((i+1)); done"
	const image = `{"type": "DOCKER", "docker": {"image": "box"}}`
	ofAgent := start(t, nil, "mesos-execute", "--master="+d.master.address, "--checkpoint", task("agents", `{"value": "`+said+`"}`, image, ""))
	own := `{"value": "` + said + `", "environment": {"variables": [{"name": "CONTAINER_LOGGER_MAX_STDOUT_SIZE", "value": "8KB"},
		{"name": "CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS", "value": "rotate 1"}]}}`
	ofTask := start(t, nil, "mesos-execute", "--master="+d.master.address, "--checkpoint", task("tasks", own, image, ""))
	for name, p := range map[string]*process{"agents": ofAgent, "tasks": ofTask} {
		p.awaits("TASK_RUNNING")
		gone(t, func() []string {
			if lines, _ := numbersOf(t, work, name, 1<<20); len(lines) > 0 && lines[len(lines)-1] == "3000" {
				return nil
			}
			return []string{"numbers that are not written"}
		})
	}
	d.agent.kill()
	for _, name := range []string{"agents", "tasks"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(d.sandbox(name, "stdout")), "go"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d.startAgent()
	ofAgent.ended(0, "TASK_FINISHED")
	ofTask.ended(0, "TASK_FINISHED")
	gone(t, d.running)
	if lines, files := numbersOf(t, work, "agents", 4096); len(lines) != 6000 || lines[0] != "1" || lines[5999] != "6000" || files < 5 {
		t.Errorf("as the agent has it: %d numbers in %d files", len(lines), files)
	}
	if lines, files := numbersOf(t, work, "tasks", 8192); len(lines) < 800 || lines[len(lines)-1] != "6000" || files != 2 {
		t.Errorf("as the task has it: %d numbers in %d files", len(lines), files)
	}
}

// running lists the executors that the agent has.
func (d *dock) running() (all []string) {
	var containers []struct {
		ExecutorID string `json:"executor_id"`
	}
	d.agent.sees("/containers", &containers)
	for _, c := range containers {
		all = append(all, c.ExecutorID)
	}
	return all
}

// Whatever the owner of a sandbox puts in the place of his logs, their writer touches nothing outside, and does not stop: links, hard
// links, pipes, directories. The agent answers who reads them.
func TestLogsThatAreTraps(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	work, outside := t.TempDir(), t.TempDir()
	precious := filepath.Join(outside, "precious")
	if err := os.WriteFile(precious, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	const options = `"CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS":"rotate 2\ncompress\ndelaycompress"`
	agent := startAgent(t, "0", m.address, work, rotating(2)...)
	for name, trap := range map[string]string{
		"link":      "ln -sf " + precious + " stdout; ln -sf " + precious + " stdout.1; ln -sf " + precious + " stdout.2; ln -sf " + precious + " stdout.2.gz",
		"hard-link": "rm -f stdout; ln -f " + precious + " stdout || touch stdout; ln -f " + precious + " stdout.1; ln -f " + precious + " stdout.2",
		"pipe":      "rm -f stdout stdout.1; mkfifo stdout stdout.1 stdout.2",
		"folder":    "rm -f stdout stdout.1 stdout.2; mkdir -p stdout.1/full stdout.2/full stdout.2.gz/full",
		"up":        "ln -sfn " + outside + " stdout.1; ln -sfn " + outside + " stdout.2; ln -sfn " + outside + "/new stdout",
	} {
		p := execute(t, m.address, name, "seq 1 2000; "+trap+"; seq 2001 6000", "--env={"+options+"}")
		p.ended(0, "TASK_FINISHED")
		found, err := filepath.Glob(filepath.Join(work, "slaves/*/frameworks/*/executors", name, "runs/latest"))
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		for _, file := range []string{"stdout", "stdout.1", "stdout.2"} {
			status, body := agent.get("/files/read?offset=0&path=" + filepath.Join(found[0], file))
			if strings.Contains(body, "precious") && name != "hard-link" { // which is of a file of the same user
				t.Errorf("%s: who reads %s reads what is outside: %d %s", name, file, status, body)
			}
		}
		agent.get("/files/browse?path=" + found[0])
	}
	text, err := os.ReadFile(precious)
	entries, _ := os.ReadDir(outside)
	about, _ := os.Stat(precious)
	if err != nil || string(text) != "precious" || len(entries) != 1 || about.Mode().Perm() != 0o644 {
		t.Errorf("outside there is %q with %q (%v)", entries, text, err)
	}
}
