package blackbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"meseta/actors/modules"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/slave/oversubscription"
)

// moody is an estimator and a controller that does what its file says: it lends so many processors and kills nobody, kills all
// that hold what is lent, dies, hangs, or says what is no message.
type moody struct {
	file  string
	usage *oversubscription.Usage // of the agent; in the program only
}

// moods are the modules of a program: one of both.
func moods(name string) *modules.Catalogue {
	c := &modules.Catalogue{}
	if name == "estimates" {
		modules.Add(c, name, func(p modules.Parameters) (oversubscription.ResourceEstimator, error) { return moodOf(p) })
	} else {
		modules.Add(c, name, func(p modules.Parameters) (oversubscription.QoSController, error) { return moodOf(p) })
	}
	return c
}

func moodOf(p modules.Parameters) (moody, error) {
	file, ok := p.Get("file")
	if !ok {
		return moody{}, errors.New("no parameter file")
	}
	return moody{file, new(oversubscription.Usage)}, nil
}

// Initialize implements [oversubscription.ResourceEstimator] and [oversubscription.QoSController].
func (m moody) Initialize(_ *runtime.Node, usage oversubscription.Usage) error {
	*m.usage = usage
	return nil
}

// Oversubscribable implements [oversubscription.ResourceEstimator].
func (m moody) Oversubscribable() runtime.Future[resources.Resources] {
	rs := parsed("cpus:" + m.acts())
	for _, r := range rs {
		r.Revocable = &mesospb.Resource_RevocableInfo{}
	}
	return runtime.Ready(resources.FromValid(rs))
}

// Corrections implements [oversubscription.QoSController].
func (m moody) Corrections() runtime.Future[[]*slavepb.QoSCorrection] {
	if m.acts() != "evict" {
		return runtime.Ready[[]*slavepb.QoSCorrection](nil)
	}
	return runtime.Then((*m.usage)(), func(u *mesospb.ResourceUsage) (all []*slavepb.QoSCorrection, _ error) {
		for _, e := range u.GetExecutors() {
			if !resources.FromValid(e.GetAllocated()).Revocable().IsEmpty() {
				all = append(all, &slavepb.QoSCorrection{Type: slavepb.QoSCorrection_KILL.Enum(), Kill: &slavepb.QoSCorrection_Kill{
					FrameworkId: e.GetExecutorInfo().GetFrameworkId(), ExecutorId: e.GetExecutorInfo().GetExecutorId(),
				}})
			}
		}
		return all, nil
	})
}

// acts does what the file says, or returns it. It notes each call in another file.
func (m moody) acts() string {
	text, err := os.ReadFile(m.file)
	if err != nil {
		panic(err)
	}
	calls, err := os.OpenFile(m.file+".calls", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	calls.Write([]byte(".")) //nolint:errcheck // it is counted
	calls.Close()
	switch string(text) {
	case "die":
		os.Exit(7)
	case "hang":
		stops()
	case "junk":
		os.Stdout.Write(bytes.Repeat([]byte{0xff}, 20)) //nolint:errcheck // whoever reads it may have ended
		return "1"
	}
	return string(text)
}

// becomes changes the mood.
func (m moody) becomes(t *testing.T, mood string) {
	t.Helper()
	err := os.WriteFile(m.file+".new", []byte(mood), 0o600)
	if err == nil {
		err = os.Rename(m.file+".new", m.file)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// isAsked waits until it was called some more times.
func (m moody) isAsked(t *testing.T, times int64) {
	t.Helper()
	size := func() int64 {
		info, err := os.Stat(m.file + ".calls")
		if err != nil {
			return 0
		}
		return info.Size()
	}
	before := size()
	gone(t, func() []string {
		if now := size(); now < before+times {
			return []string{fmt.Sprintf("%s was called %d times", m.file, now)}
		}
		return nil
	})
}

// lends waits until an agent lends so many processors.
func (p *process) lends(cpus float64) {
	p.t.Helper()
	p.counts("slave/cpus_revocable_total", cpus)
}

// counts waits until a metric has that value.
func (p *process) counts(metric string, want float64) {
	p.t.Helper()
	gone(p.t, func() []string {
		var metrics map[string]float64
		if p.sees("/metrics/snapshot", &metrics); metrics[metric] != want {
			return []string{fmt.Sprintf("%s is %v, not %v", metric, metrics[metric], want)}
		}
		return nil
	})
}

// moodyAgent starts an agent whose estimator and controller are programs with moods, and lend two processors. Next to the file
// of each is one with the ID of its program.
func moodyAgent(t *testing.T) (m, a *process, both map[string]moody) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, libraries, both := t.TempDir(), []string{}, map[string]moody{}
	for _, name := range []string{"estimates", "corrects"} {
		m, program := moody{file: filepath.Join(dir, "mood-of-"+name)}, filepath.Join(dir, name)
		m.becomes(t, "2")
		script := "#!/bin/sh\necho $$ >" + m.file + ".pid\n" + asProgram + "=" + name + " exec " + self + "\n"
		if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		libraries = append(libraries, fmt.Sprintf(`{"file": %q, "modules": [{"name": %q, "parameters": [{"key": "file", "value": %q}]}]}`, program, name, m.file))
		both[name] = m
	}
	m = startMaster(t, "0", t.TempDir())
	a = startAgent(t, "0", m.address, t.TempDir(), "--resource_estimator=estimates", "--qos_controller=corrects",
		"--oversubscribed_resources_interval=20ms", "--qos_correction_interval_min=20ms",
		`--modules={"libraries": [`+strings.Join(libraries, ",")+`]}`)
	a.lends(2)
	return m, a, both
}

// An agent whose estimator and controller are programs that hang runs tasks, lends what it did before, and ends without waiting
// for them. Nothing is left of them.
func TestModulesHangWhileTheAgentRuns(t *testing.T) {
	t.Parallel()
	m, a, both := moodyAgent(t)
	for _, m := range both {
		m.becomes(t, "hang")
		m.hangs(t)
	}
	if status, out := does(t, nil, "mesos-execute", "--master="+m.address, "--name=t", "--command=true"); status != 0 {
		t.Errorf("while modules hang, a task ended with %d:\n%s", status, out)
	}
	a.lends(2)
	a.signal(syscall.SIGTERM)
	if status := a.ends(); status != 0 {
		t.Errorf("the agent ended with %d", status)
	}
	for _, m := range both {
		if state := m.state(t); state != "" {
			t.Errorf("the program of %s is in state %s", m.file, state)
		}
	}
	if strings.Contains(a.out.String(), "no answer within") {
		t.Error("the agent has waited for its modules")
	}
}

// hangs waits until the program has stopped.
func (m moody) hangs(t *testing.T) {
	t.Helper()
	gone(t, func() []string {
		if state := m.state(t); state != "T" {
			return []string{m.file + " is in state " + state}
		}
		return nil
	})
}

// state is the state of its program as /proc has it, or "" if it has ended.
func (m moody) state(t *testing.T) string {
	t.Helper()
	id, err := os.ReadFile(m.file + ".pid")
	if err != nil {
		t.Fatal(err)
	}
	stat, _ := os.ReadFile("/proc/" + strings.TrimSpace(string(id)) + "/stat")
	if _, rest, found := strings.Cut(string(stat), ") "); found {
		return rest[:1]
	}
	return ""
}

// An agent whose estimator and controller are programs that die or talk junk goes on, and lends what it did before. It says
// once what is wrong, and asks again until it is answered.
func TestModulesFailWhileTheAgentRuns(t *testing.T) {
	t.Parallel()
	m, a, both := moodyAgent(t)
	lines := []string{"failed to get oversubscribable resources", "failed to get corrections from the QoS controller"}
	for i, c := range []struct{ mood, said string }{{"die", "exit status 7"}, {"junk", "overflow"}} {
		before := len(a.out.String())
		for _, m := range both {
			m.becomes(t, c.mood)
		}
		for _, m := range both {
			m.isAsked(t, 5)
		}
		if status, out := does(t, nil, "mesos-execute", "--master="+m.address, "--name=t", "--command=true"); status != 0 {
			t.Errorf("while modules %s, a task ended with %d:\n%s", c.mood, status, out)
		}
		a.lends(float64(2 + i))
		for _, line := range lines {
			a.awaitsAfter(before, line)
		}
		a.awaitsAfter(before, c.said)
		for _, m := range both {
			m.becomes(t, fmt.Sprint(3+i))
		}
		a.awaitsAfter(before, "the resource estimator answers again")
		a.awaitsAfter(before, "the QoS controller answers again")
		a.lends(float64(3 + i))
		for _, line := range lines {
			if n := strings.Count(a.out.String()[before:], line); n != 1 {
				t.Errorf("while modules %s, the agent said %d times: %s", c.mood, n, line)
			}
		}
	}
}
