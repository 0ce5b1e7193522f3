package blackbox

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asEcho makes this test a program that answers datagrams. Its value is the address where it listens.
const asEcho = "MESETA_TEST_ECHO"

// serveDatagrams is the main function of that program.
func serveDatagrams(address string) int {
	c, err := net.ListenPacket("udp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	text := make([]byte, 1024)
	for {
		n, from, err := c.ReadFrom(text)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		c.WriteTo(append([]byte("heard "), text[:n]...), from) //nolint:errcheck // it is asked again
	}
}

// inNetwork does something in the network of the engine, on a thread of its own.
func (d *dock) inNetwork(do func() error) error {
	d.t.Helper()
	space, err := os.Open(d.network())
	if err != nil {
		d.t.Fatal(err)
	}
	defer space.Close()
	var there sync.WaitGroup
	there.Go(func() {
		goruntime.LockOSThread() // which ends with the goroutine
		if err = unix.Setns(int(space.Fd()), unix.CLONE_NEWNET); err == nil {
			err = do()
		}
	})
	there.Wait()
	return err
}

// tells sends a datagram to a port of the engine's machine, and returns the answer.
func (d *dock) tells(port int, text string) (answer string, err error) {
	d.t.Helper()
	var c net.Conn
	err = d.inNetwork(func() (err error) {
		c, err = net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
		return err
	})
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := c.Write([]byte(text)); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Second) // datagrams are lost until somebody listens
	defer cancel()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	heard := make([]byte, 1024)
	n, err := c.Read(heard)
	return string(heard[:n]), err
}

// makeNetwork has the engine make a network.
func (d *dock) makeNetwork(name, subnet string) {
	d.t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", d.socket)
		},
	}}
	body := fmt.Sprintf(`{"Name": %q, "Driver": "bridge", "IPAM": {"Config": [{"Subnet": %q}]}}`, name, subnet)
	answer, err := client.Post("http://engine/networks/create", "application/json", strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(answer.Body); err != nil || answer.StatusCode != http.StatusCreated {
		d.t.Fatalf("the network is not made: %d %s (%v)", answer.StatusCode, &text, err)
	}
}

// A task in a network that the engine's user has made has an address there, which is reported, and datagrams that are sent to a port of the
// machine reach it.
func TestDockerUserNetwork(t *testing.T) {
	t.Parallel()
	d := newDock(t)
	d.makeNetwork("meseta-test", "10.77.5.0/24")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var volumes []string
	for from, to := range map[string]string{self: "/echo", "/lib": "/lib", "/lib64": "/lib64"} { // the program may need libraries
		if _, err := os.Stat(from); err == nil {
			volumes = append(volumes, fmt.Sprintf(`{"host_path": %q, "container_path": %q, "mode": "RO"}`, from, to))
		}
	}
	p := start(t, nil, "mesos-execute", "--master="+d.master.address, task("echo", `{"value": "hostname -i; `+asEcho+`=:7000 exec /echo"}`,
		`{"type": "DOCKER", "volumes": [`+strings.Join(volumes, ", ")+`], "network_infos": [{"name": "meseta-test"}], "docker": {"image": "box", "network": "USER",
			"port_mappings": [{"host_port": 31005, "container_port": 7000, "protocol": "udp"}]}}`, ""))
	p.awaits("TASK_RUNNING")
	gone(t, func() []string {
		if got, err := d.tells(31005, "hello"); got != "heard hello" {
			return []string{fmt.Sprintf("nobody answers: %q, %v", got, err)}
		}
		return nil
	})
	address := strings.TrimSpace(d.reads("echo", "stdout"))
	if !strings.HasPrefix(address, "10.77.5.") {
		t.Errorf("the address is %q", address)
	}
	if status, body := d.master.get("/tasks"); status != http.StatusOK || !strings.Contains(body, `"ip_address":"`+address+`"`) {
		t.Errorf("the address %s is not reported: %d %s", address, status, body)
	}
	p.signal(syscall.SIGTERM)
	p.ends()
}

// What a container has in its environment is what the reference's has, and what its parameters say holds: devices, capabilities, limits.
func TestDockerProcesses(t *testing.T) {
	t.Parallel()
	d := newDock(t)
	files, err := filepath.Glob(filepath.Join(shared(t, "golden/docker/1-run-inside"), "executors_bridge_*.txt"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	recorded, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	status, out := d.execute(task("env", `{"value": "env", "environment": {"variables": [{"name": "MINE", "value": "with space"}, {"name": "QUOTE", "value": "a\"b"}]}}`,
		`{"type": "DOCKER", "hostname": "boxhost", "docker": {"image": "box", "network": "BRIDGE", "parameters": [{"key": "env", "value": "FROMPARAM=1"}]}}`, ""))
	if status != 0 {
		t.Fatal(status, out)
	}
	want, got := variables(string(recorded)), variables(d.reads("env", "stdout"))
	want["HOME"] = "/" // the image of the tests knows no users
	want["MESOS_CONTAINER_NAME"] = "mesos-" + d.container("env")
	if !maps.Equal(got, want) {
		t.Errorf("the environment is %v, want %v", got, want)
	}
	status, out = d.execute(task("given", `{"value": "test -c /dev/nothing && echo device; (: > /dev/nothing) 2>/dev/null || echo only read; ulimit -n; chown 1 /data 2>/dev/null || echo kept"}`,
		`{"type": "DOCKER", "docker": {"image": "box", "parameters": [{"key": "device", "value": "/dev/kmsg:/dev/nothing:r"},
			{"key": "ulimit", "value": "nofile=123:123"}, {"key": "cap-drop", "value": "CHOWN"}]}}`, ""))
	if text := d.reads("given", "stdout"); status != 0 || text != "device\nonly read\n123\nkept\n" {
		t.Errorf("the container says %q; %d, %s", text, status, out)
	}
}

// variables returns the lines of a text that are environment variables.
func variables(text string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if found && name != "" && !slices.ContainsFunc([]rune(name), func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') }) {
			all[name] = value
		}
	}
	return all
}
