package blackbox

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// server is a command that serves HTTP on the loopback interface of its container, and notes its namespaces.
func server(port string) string {
	return fmt.Sprintf("readlink /proc/self/ns/net /proc/self/ns/pid /proc/self/ns/ipc > spaces; exec %s --ip=127.0.0.1 --port=%s --work_dir=w",
		filepath.Join(bin, "mesos-master"), port)
}

// Checks are made where the task is: commands in its namespaces and its sandbox, HTTP and TCP from its network, on whose loopback
// interface nobody else is. It is so for tasks alone, which the command executor runs, and for those of a group.
func TestChecksAreInNamespaces(t *testing.T) {
	t.Parallel()
	w, _ := bridged(t, ",namespaces/pid,namespaces/ipc")
	port := freePort(t)
	for name, check := range map[string]map[string]any{
		"http": {"type": "HTTP", "http": map[string]any{"port": json.Number(port), "path": "/health", "scheme": "http"}},
		"tcp":  {"type": "TCP", "tcp": map[string]any{"port": json.Number(port)}},
		"command": {"command": map[string]any{
			"value": `test "$(readlink /proc/self/ns/net /proc/self/ns/pid /proc/self/ns/ipc)" = "$(cat spaces)"`,
		}},
	} {
		check["grace_period_seconds"], check["interval_seconds"] = 60, 0.2
		for _, group := range []bool{true, false} {
			task := member{name, server(port), map[string]any{"health_check": checked(check)}}
			if group {
				w.healthy(fmt.Sprint(name, " in a group"), "--task_group="+grouped(t, task.task()), "--networks=n1")
				continue
			}
			task.more["container"] = map[string]any{"type": "MESOS", "network_infos": []any{map[string]any{"name": "n1"}}}
			w.healthy(name, "--task="+encoded(t, task.task()))
		}
	}
	w.has(func() []string { return names(t, filepath.Join(w.dir, "run/containers/*")) })
}

// asServer makes this test a server for checks: of HTTPS at the address that is its value. It answers 200 at /health only.
const asServer = "MESETA_TEST_SERVER"

// serveChecks is the main function of its program.
func serveChecks(address string) int {
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" || r.TLS == nil {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	s.Listener.Close()
	s.Listener = l
	s.StartTLS()
	select {} // until it is killed
}

// Checks by HTTPS, of a server whose certificate nobody knows, and checks over IPv6 are made from the network of the task, too.
func TestSecureChecksAreInNamespaces(t *testing.T) {
	t.Parallel()
	w, _ := bridged(t, ",namespaces/pid,namespaces/ipc")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	for name, c := range map[string]struct{ address, protocol string }{"IPv4": {"127.0.0.1", "IPv4"}, "IPv6": {"[::1]", "IPv6"}} {
		if _, err := os.Stat("/proc/net/if_inet6"); name == "IPv6" && err != nil {
			t.Log("there is no IPv6 here")
			continue
		}
		for kind, check := range map[string]map[string]any{
			"https": {"type": "HTTP", "http": map[string]any{"port": json.Number(port), "path": "/health", "scheme": "https", "protocol": c.protocol}},
			"tcp":   {"type": "TCP", "tcp": map[string]any{"port": json.Number(port), "protocol": c.protocol}},
		} {
			check["grace_period_seconds"], check["interval_seconds"] = 60, 0.2
			task := member{kind, fmt.Sprintf("%s=%s:%s exec %s", asServer, c.address, port, self), map[string]any{"health_check": checked(check)}}
			w.healthy(fmt.Sprint(kind, " over ", name, " in a group"), "--task_group="+grouped(t, task.task()), "--networks=n1")
			task.more["container"] = map[string]any{"type": "MESOS", "network_infos": []any{map[string]any{"name": "n1"}}}
			w.healthy(fmt.Sprint(kind, " over ", name), "--task="+encoded(t, task.task()))
		}
	}
	w.has(func() []string { return names(t, filepath.Join(w.dir, "run/containers/*")) })
}

// healthy runs a task until it is healthy.
func (w *attachedWorld) healthy(what string, args ...string) {
	w.t.Helper()
	p := w.apart.start(w.t, "mesos-execute", append(args, "--master="+w.master.address)...)
	p.awaits("healthy?: ")
	if strings.Contains(p.out.String(), "healthy?: false") {
		w.t.Errorf("%s: a task is sick:\n%s", what, p.out)
	}
	p.kill()
}

func encoded(t *testing.T, what any) string {
	t.Helper()
	text, err := json.Marshal(what)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// grouped is a group of one task.
func grouped(t *testing.T, task map[string]any) string {
	t.Helper()
	return encoded(t, map[string]any{"tasks": []any{task}})
}

// A command that checks a task with an image sees what the task sees: its file system, its mounts and its sandbox.
func TestChecksAreInImages(t *testing.T) {
	t.Parallel()
	w := newImageWorld(t)
	check := map[string]any{
		"command":              map[string]any{"value": `test ! -e /bin/ls && test "$(cat /proc/self/mountinfo)" = "$(cat $MESOS_SANDBOX/mounts)"`},
		"grace_period_seconds": 60, "interval_seconds": 0.2,
	}
	task := member{"boxed", "cat /proc/self/mountinfo > $MESOS_SANDBOX/mounts; exec sleep 1000", map[string]any{
		"health_check": checked(check),
		"container": map[string]any{"type": "MESOS", "mesos": map[string]any{
			"image": map[string]any{"type": "DOCKER", "docker": map[string]any{"name": "test/box:v1"}},
		}},
	}}
	for name, flag := range map[string]string{"alone": "--task=" + encoded(t, task.task()), "in a group": "--task_group=" + grouped(t, task.task())} {
		p := start(t, nil, "mesos-execute", flag, "--master="+w.master.address)
		p.awaits("healthy?: ")
		if strings.Contains(p.out.String(), "healthy?: false") {
			t.Errorf("%s: a task is sick:\n%s", name, p.out)
		}
		p.kill()
	}
	w.clean()
}
