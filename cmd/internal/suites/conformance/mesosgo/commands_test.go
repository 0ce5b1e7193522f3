package mesosgo

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"meseta/cmd/internal/suites/conformance/local"
)

func TestMain(m *testing.M) { os.Exit(local.Main(m)) }

const commands = "github.com/mesos/mesos-go/api/v1/cmd/"

// msh runs one command, by itself or as a group of one task in the default executor, and ends as it ends.
func TestMsh(t *testing.T) {
	t.Parallel()
	theirs := t.TempDir()
	local.BuildC(t, ".", theirs, commands+"msh")
	msh := filepath.Join(theirs, "msh")
	for name, kind := range map[string][]string{"task": nil, "pod": {"-pod"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := append(kind, "-master={master}", "--")
			out := local.Run(t, "", msh, append(run, "ls", "/")...)
			told := regexp.MustCompile(`status update .*: (TASK_\w+)`).FindAllStringSubmatch(out, -1)
			if len(told) != 3 || told[0][1] != "TASK_STARTING" || told[1][1] != "TASK_RUNNING" || told[2][1] != "TASK_FINISHED" {
				t.Errorf("updates %q\n%s", told, out)
			}
			if out, err := local.Try(t, "", msh, append(run, "sh", "-c", "exit 3")...); err == nil ||
				!strings.Contains(out, "TASK_FAILED") || !strings.Contains(out, "Command exited with status 3") {
				t.Errorf("a command that fails: %v\n%s", err, out)
			}
		})
	}
}

// msh lends its terminal to a task. It finds the agent by its host name, always at port 5051.
func TestMshInteractive(t *testing.T) {
	t.Parallel()
	theirs := t.TempDir()
	local.BuildC(t, ".", theirs, commands+"msh")
	const script = `
mesos-agent --master="$1" --ip="$2" --hostname="$2" --port=5051 --work_dir="$3" --runtime_dir= --launcher_dir="$(dirname "$(command -v mesos-agent)")" \
	--resources='cpus:1;mem:256;disk:10' > "$3/log" 2>&1 & agent=$!
"$4" -master="$1" -interactive -tty -- sh -c 'while read line; do echo "it read $line"; [ "$line" != end ] || break; done; tty'
status=$?
kill $agent; wait $agent
exit $status`
	out := local.Type(t, "attaching for interactive session", "hello\rend\r", "sh", "-c", script, "sh", "{master}",
		local.Loopback(t, "5051"), t.TempDir(), filepath.Join(theirs, "msh"))
	for _, want := range []string{"it read hello", "it read end", "/dev/pts/", "TASK_FINISHED"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q was not said", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

// mwatch prints what the master's stream of events tells. It does not say when it has subscribed, so tasks are run until
// it has seen all of one. The first is run before it, because it takes no answer of a master that has not recovered yet.
func TestMwatch(t *testing.T) {
	t.Parallel()
	theirs := t.TempDir()
	local.Build(t, ".", theirs, commands+"mwatch")
	const script = `
mesos-execute --master="$2" --name=first --command=true || exit 1
"$1" -master="${2%:*}" -port="${2#*:}" > "$3" & watcher=$!
until sed -n '/^TASK_ADDED/,$p' "$3" | grep -q TASK_FINISHED; do
	kill -0 $watcher && mesos-execute --master="$2" --name=seen --command=true || exit 1
done
kill $watcher
cat "$3"`
	out := local.Run(t, "", "sh", "-c", script, "sh", filepath.Join(theirs, "mwatch"), "{master}", filepath.Join(t.TempDir(), "seen"))
	want := regexp.MustCompile(`(?m)^TASK_ADDED .*\{seen\} TASK_STAGING .*
(?s:.*)^TASK_UPDATED \{seen\} TASK_STARTING .*
(?s:.*)^TASK_UPDATED \{seen\} TASK_RUNNING .*
(?s:.*)^TASK_UPDATED \{seen\} TASK_FINISHED `)
	if !want.MatchString(out) {
		t.Error(out)
	}
}
