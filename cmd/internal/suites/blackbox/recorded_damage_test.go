package blackbox

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/sched"
)

// damage is a way in which a file of a C++ agent was damaged while that was down, and what the next one did.
type damage struct {
	file, how string
	strict    bool
	outcome   string // "exit status 1", or "runs, same id, task kept" and the like
	words     string // of an agent that did not start
}

// recordedDamage reads the table of a recording, and the words from what follows it. What is the same whether an agent is strict or not is in it
// once, unless that does not start.
func recordedDamage(t *testing.T) (all []damage) {
	t.Helper()
	content, err := os.ReadFile(shared(t, "golden/recovery/7-corrupt-checkpoints.txt"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(content), "\n## summary (file: damage: strict | not strict)\n")
	table, each, _ := strings.Cut(text, "\n\n## each\n")
	words := map[string]string{} // by the name of the case
	for _, block := range strings.Split("\n"+each, "\n--- ")[1:] {
		name, rest, _ := strings.Cut(block, " (1 file)\n")
		_, told, _ := strings.Cut(rest, "] EXIT with status 1: ")
		words[name], _, _ = strings.Cut(told, "\n")
	}
	for line := range strings.Lines(table) {
		parts := strings.SplitN(strings.TrimSpace(line), ": ", 3)
		outcomes := strings.Split(parts[2], " | ")
		if len(outcomes) == 1 && outcomes[0] == "exit status 1" {
			outcomes = append(outcomes, outcomes[0])
		}
		for i, outcome := range outcomes {
			d := damage{file: parts[0], how: parts[1], strict: i == 0, outcome: outcome}
			for name, told := range words {
				file, how, _ := strings.Cut(name, ": ")
				if strings.HasSuffix(file, strings.TrimPrefix(d.file, "...")) && how == fmt.Sprintf("%s, --strict=%t", d.how, d.strict) {
					d.words = told
				}
			}
			all = append(all, d)
		}
	}
	return all
}

// damaged is an agent with one task, of which a file is damaged.
type damaged struct {
	damage
	t               *testing.T
	task, port      string
	work, dir       string
	agent           *process
	id, path, whole string // of the agent; of the file; what was in that before, or where the link led to
}

// args are those of the agent.
func (d *damaged) args() []string {
	return []string{
		"--runtime_dir=" + d.dir, "--resources=cpus:0.2;mem:64;disk:1;ports:[1-2]", "--attributes=task:" + d.task, "--launcher=posix",
		"--isolation=posix/cpu,posix/mem", fmt.Sprintf("--strict=%t", d.strict), "--executor_reregistration_timeout=4secs",
	}
}

// finds finds the file.
func (d *damaged) finds() {
	d.t.Helper()
	name := strings.NewReplacer("X", "*", ".../", "/a/meta/slaves/latest/frameworks/*/executors/*/").Replace(d.file)
	if strings.HasPrefix(d.file, "frameworks/") || d.file == "slave.info" {
		name = "/a/meta/slaves/latest/" + name
	}
	if rest, found := strings.CutPrefix(name, "/a/"); found {
		name = filepath.Join(d.work, rest)
	} else {
		name = filepath.Join(d.dir, strings.TrimPrefix(name, "/a-runtime/"))
	}
	found, err := filepath.Glob(name)
	if err != nil || len(found) != 1 {
		d.t.Fatalf("%s is %q, %v", d.file, found, err)
	}
	latest, err := os.Readlink(filepath.Join(d.work, "meta/slaves/latest"))
	if err != nil {
		d.t.Fatal(err)
	}
	d.path, d.id = strings.Replace(found[0], "/slaves/latest/", "/slaves/"+filepath.Base(latest)+"/", 1), filepath.Base(latest)
}

// breaks damages the file.
func (d *damaged) breaks() {
	d.t.Helper()
	if d.how == "removed (symlink)" {
		target, err := os.Readlink(d.path)
		if err == nil {
			err = os.Remove(d.path)
		}
		if d.whole = target; err != nil {
			d.t.Fatal(err)
		}
		return
	}
	const junk = "\x10\x00\x00\x00junkjunkjunkjunk"
	content, err := os.ReadFile(d.path)
	if err != nil {
		d.t.Fatal(err)
	}
	d.whole = string(content)
	switch d.how {
	case "last 7 bytes cut":
		content = content[:len(content)-7]
	case "garbage record appended":
		content = append(content, junk...)
	case "overwritten by junk":
		content = []byte(junk)
	case "not a number":
		content = []byte("abc")
	case "emptied":
		content = nil
	case "removed":
		err = os.Remove(d.path)
	default:
		d.t.Fatalf("unknown damage: %s", d.how)
	}
	if d.how != "removed" {
		err = os.WriteFile(d.path, content, 0o600)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// left lists the checkpoints and the records of containers, with what is in them.
func (d *damaged) left() string {
	d.t.Helper()
	var b strings.Builder
	for _, dir := range []string{filepath.Join(d.work, "meta"), d.dir} {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				fmt.Fprintf(&b, "%s %v\n", path, e.Type())
				return err
			}
			content, err := os.ReadFile(path)
			fmt.Fprintf(&b, "%s %q\n", path, content)
			return err
		})
		if err != nil {
			d.t.Fatal(err)
		}
	}
	return b.String()
}

// plain are the words of an agent without what differs between two of them.
func (d *damaged) plain(words string) string {
	words = strings.NewReplacer("/var/lib/mesos/a/", "WORK/", d.work+"/", "WORK/", d.task, "TASK", "cmd-1", "TASK").Replace(words)
	for _, d := range otherWords {
		words = d.pattern.ReplaceAllString(words, d.by)
	}
	return strings.Join(strings.Fields(words), " ")
}

// otherWords are what two agents say differently: IDs; that the text of a number is none, which ours does not add; and in which file the
// configuration of a container is, which ours does.
var otherWords = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{uuid, "ID"},
	{regexp.MustCompile(`ID-S[0-9]+`), "AGENT"},
	{regexp.MustCompile(`: Failed to convert 'abc' to number`), ""},
	{regexp.MustCompile(`(launch config of container: )'\S+': `), "${1}"},
}

// refuses demands that the agent does not start, with the recorded words, and destroys nothing. Then the file is mended.
func (d *damaged) refuses(master string) {
	d.t.Helper()
	before := d.left()
	status, out := does(d.t, nil, "mesos-agent", agentArgs(d.port, master, d.work, d.args())...)
	_, told, _ := strings.Cut(out, "mesos-agent: ")
	if got, want := d.plain(told), d.plain(d.words); status != 1 || want == "" || !strings.HasPrefix(got, want) {
		d.t.Errorf("%s: the agent ends with %d and says\n%s\nwant\n%s", d.name(), status, got, want)
	}
	if after := d.left(); after != before {
		d.t.Errorf("%s: the agent has changed\n%s\nto\n%s", d.name(), before, after)
	}
	if err := os.WriteFile(d.path, []byte(d.whole), 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.outcome = "runs, same id, task kept"
}

func (d *damaged) name() string {
	return fmt.Sprintf("%s: %s, strict=%t", filepath.Base(d.path), d.how, d.strict)
}

// runs demands what was recorded of an agent that started.
func (d *damaged) runs(told *process) {
	d.t.Helper()
	words := strings.Split(d.outcome, ", ")
	if words[1] == "same id" {
		d.agent.awaits("] re-registered ")
	} else {
		d.agent.awaits("] registered ")
	}
	gone(d.t, func() []string { // a new ID is written down when the agent has said that it is registered
		latest, err := os.Readlink(filepath.Join(d.work, "meta/slaves/latest"))
		if now := filepath.Base(latest); err != nil || (now == d.id) != (words[1] == "same id") {
			return []string{fmt.Sprintf("%s: the agent is %s, was %s (%v), want %s", d.name(), now, d.id, err, words[1])}
		}
		return nil
	})
	if words[2] == "task gone" {
		told.awaits(d.task + " " + strings.NewReplacer("REASON_AGENT", "REASON_SLAVE").Replace(words[3]) + "\n")
	}
}

// launcher is a scheduler that launches a task on each agent, the one that this says.
type launcher struct {
	sched.Base
	told    *process
	command string
}

// ResourceOffers implements [sched.Scheduler].
func (l launcher) ResourceOffers(d *sched.Driver, offers []*mesospb.Offer) {
	for _, o := range offers {
		task := o.GetAttributes()[0].GetText().GetValue()
		if heard := l.told.out.String(); strings.Contains("\n"+heard, "\n"+task+" ") {
			d.DeclineOffer(ids.Offer(o.GetId().GetValue()), nil)
			continue
		}
		fmt.Fprintf(l.told.out, "%s launched\n", task)
		d.LaunchTasks([]ids.Offer{ids.Offer(o.GetId().GetValue())}, []*mesospb.TaskInfo{{
			Name: &task, TaskId: ids.Task(task).Proto(), SlaveId: o.GetSlaveId(), Resources: parsed("cpus:0.1;mem:32"),
			Command: &mesospb.CommandInfo{Value: &l.command},
		}}, nil)
	}
}

// StatusUpdate implements [sched.Scheduler].
func (l launcher) StatusUpdate(_ *sched.Driver, s *mesospb.TaskStatus) {
	reason := ""
	if s.GetState() == mesospb.TaskState_TASK_LOST {
		reason = " " + s.GetReason().String()
	}
	fmt.Fprintf(l.told.out, "%s %s%s\n", s.GetTaskId().GetValue(), s.GetState(), reason)
}

// An agent that finds a damaged file does what a C++ agent has done: it starts, and what the file told is lost, with the recorded reason; or it ends
// with the recorded words, and has changed nothing, so that all goes on when the file is whole again.
//
// Recorded in golden/recovery/7-corrupt-checkpoints.txt.
func TestDamagedFilesAsRecorded(t *testing.T) {
	t.Parallel()
	table := recordedDamage(t)
	master := startMaster(t, "0", t.TempDir())
	until, told := newGate(t), &process{t: t, name: "the scheduler", out: &transcript{}}
	scheduler := sched.NewDriver(newNode(t), launcher{told: told, command: until.wait()}, &mesospb.FrameworkInfo{
		User: proto.String("root"), Name: proto.String("n"), FailoverTimeout: proto.Float64(60), Checkpoint: proto.Bool(true),
	}, master.address, sched.Options{RegistrationBackoff: 10 * time.Millisecond})
	scheduler.Start()
	t.Cleanup(func() { scheduler.Stop(false) })
	var all []*damaged
	for i, c := range table {
		d := &damaged{damage: c, t: t, task: fmt.Sprintf("task-%d", i), port: freePort(t), work: t.TempDir(), dir: t.TempDir()}
		d.agent = startAgent(t, d.port, master.address, d.work, d.args()...)
		all = append(all, d)
	}
	for _, d := range all {
		told.awaits(d.task + " TASK_RUNNING\n")
		d.agent.kill()
		d.finds()
		d.breaks()
	}
	for _, d := range all {
		if d.outcome == "exit status 1" {
			d.refuses(master.address)
		}
		d.agent = startAgent(t, d.port, master.address, d.work, d.args()...)
	}
	for _, d := range all {
		d.runs(told)
	}
	until.open(t)
	for _, d := range all {
		if strings.HasSuffix(d.outcome, "task kept") {
			told.awaits(d.task + " TASK_FINISHED\n")
			if strings.Contains(told.out.String(), d.task+" TASK_LOST") {
				t.Errorf("%s: the task is lost, want it kept", d.name())
			}
		}
	}
}
