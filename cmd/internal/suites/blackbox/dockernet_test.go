package blackbox

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"meseta/slave/containerizer/docker/engine"
	"meseta/slave/containerizer/docker/enginetest"
)

// network returns the file of the network namespace of the engine.
func (d *dock) network() string {
	d.t.Helper()
	pid, err := os.ReadFile(filepath.Join(filepath.Dir(d.socket), "pid"))
	if err != nil {
		d.t.Fatal(err)
	}
	return fmt.Sprintf("/proc/%s/ns/net", strings.TrimSpace(string(pid)))
}

// listen listens on the loopback of the engine.
func (d *dock) listen() net.Listener {
	d.t.Helper()
	var listener net.Listener
	err := d.inNetwork(func() (err error) {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return listener
}

// asks gets a file from a port of the engine's machine, as somebody who is in no container.
func (d *dock) asks(port int, file string) (string, error) {
	d.t.Helper()
	out, err := exec.Command("nsenter", "--net="+d.network(), "busybox", "wget", "-q", "-O-", fmt.Sprintf("http://127.0.0.1:%d/%s", port, file)).Output()
	return string(out), err
}

// What listens on a port of a container is reached at the port of the machine that is mapped to it, and not any more when the task has ended.
// A task in the network of the machine has that.
func TestDockerNetworks(t *testing.T) {
	t.Parallel()
	d := newDock(t)
	web := start(t, nil, "mesos-execute", "--master="+d.master.address, task("web", `{"value": "echo served > f; exec httpd -f -p 80"}`,
		`{"type": "DOCKER", "docker": {"image": "box", "network": "BRIDGE", "port_mappings": [{"host_port": 31005, "container_port": 80, "protocol": "tcp"}]}}`, ""))
	web.awaits("TASK_RUNNING")
	gone(t, func() []string {
		if got, err := d.asks(31005, "f"); got != "served\n" || err != nil {
			return []string{fmt.Sprintf("nobody serves: %q, %v", got, err)}
		}
		return nil
	})
	web.signal(syscall.SIGTERM)
	web.ends()
	gone(t, func() []string {
		if got, err := d.asks(31005, "f"); err == nil {
			return []string{"somebody serves " + got}
		}
		return nil
	})
	want, err := os.Readlink(d.network())
	if err != nil {
		t.Fatal(err)
	}
	status, out := d.execute(task("host", `{"value": "busybox readlink /proc/self/ns/net"}`, `{"type": "DOCKER", "docker": {"image": "box", "network": "HOST"}}`, ""))
	if text := d.reads("host", "stdout"); status != 0 || text != want+"\n" {
		t.Errorf("the network is %q, want %s; %d, %s", text, want, status, out)
	}
}

// An image that the engine does not have is pulled from a registry: once, or for each task that says so.
func TestDockerPulls(t *testing.T) {
	t.Parallel()
	d := newDock(t)
	manifests := make(chan string, 100)
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	outer := httptest.NewServer(handler)
	t.Cleanup(outer.Close)
	inner := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/manifests/") {
			manifests <- r.Method
		}
		handler.ServeHTTP(w, r)
	}))
	inner.Listener.Close()
	inner.Listener = d.listen()
	inner.Start()
	t.Cleanup(inner.Close)
	pushBox(t, outer.URL, "test/box:v1", "/", boxLayer(t))
	image := inner.Listener.Addr().String() + "/test/box:v1"
	for i, force := range []bool{false, false, true} {
		before := len(manifests)
		id := fmt.Sprintf("pulled%d", i)
		status, out := d.execute(task(id, `{"value": "echo $FROM"}`, fmt.Sprintf(`{"type": "DOCKER", "docker": {"image": %q, "force_pull_image": %t}}`, image, force), ""))
		if text := d.reads(id, "stdout"); status != 0 || text != "image\n" {
			t.Errorf("%d, %s, %q", status, out, text)
		}
		if asked, want := len(manifests) > before, i != 1; asked != want {
			t.Errorf("%d: the registry was asked: %t", i, asked)
		}
	}
}

// A container that nobody has any more is stopped by the next agent, and may take as long to end as --docker_stop_timeout says: the
// default is not at all.
func TestDockerStopTimeout(t *testing.T) {
	t.Parallel()
	d := newDock(t)
	c := d.client()
	defer c.Close()
	ctx := context.Background()
	for i, patient := range []bool{false, true} {
		told, name := t.TempDir(), fmt.Sprintf("mesos-5b2d7b1c-9d0e-4d29-9d7b-0d6f1f9d2c1%d", i)
		_, err := c.Create(ctx, name, &engine.Create{
			Image: enginetest.Image, Cmd: []string{"sh", "-c", "trap 'sleep 2; echo bye >> /told/f; exit' TERM; echo up > /told/f; while :; do sleep 0.05; done"},
			HostConfig: engine.HostConfig{Binds: []string{told + ":/told"}},
		})
		if err == nil {
			err = c.Start(ctx, name)
		}
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(told, "f")
		gone(t, func() []string {
			if text, err := os.ReadFile(file); string(text) != "up\n" {
				return []string{fmt.Sprintf("it is not up: %q, %v", text, err)}
			}
			return nil
		})
		d.agent.kill()
		want := "up\n"
		if patient {
			d.more, want = append(d.more, "--docker_stop_timeout=50secs"), "up\nbye\n"
		}
		d.startAgent()
		d.agent.awaits("registered actor=slave(1) master=")
		if text, err := os.ReadFile(file); err != nil || string(text) != want || len(d.containers()) != 0 {
			t.Errorf("patient: %t: it wrote %q, want %q; there are %q; %v", patient, text, want, d.containers(), err)
		}
	}
}
