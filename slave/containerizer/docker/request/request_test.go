package request

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/containerizer/docker/engine"
)

// task returns a task from the JSON of its container, and that of its command.
func options(t *testing.T, container, command, bag string) Options {
	t.Helper()
	o := Options{Container: &mesospb.ContainerInfo{}, Command: &mesospb.CommandInfo{}, Name: "mesos-c1", Sandbox: "/sandbox", Mapped: "/mnt/mesos/sandbox"}
	if err := mesosjson.Unmarshal([]byte(container), o.Container); err != nil {
		t.Fatal(err)
	}
	if err := mesosjson.Unmarshal([]byte(command), o.Command); err != nil {
		t.Fatal(err)
	}
	parsed, err := resources.Parse(bag, "*")
	if err != nil {
		t.Fatal(err)
	}
	o.Resources = parsed.Allocate("ads").Proto()
	return o
}

// box returns the JSON of a container with more fields in its docker info.
func box(more string) string {
	return `{"type": "DOCKER", "docker": {"image": "box"` + more + `}}`
}

const (
	nothing = `{"shell": false}`
	one     = "cpus:1;mem:64;ports:[31000-31010]"
)

func TestWhole(t *testing.T) {
	t.Parallel()
	o := options(t, `{"type": "DOCKER", "hostname": "h", "volumes": [
			{"host_path": "/in", "container_path": "/a", "mode": "RO"}, {"host_path": "rel", "container_path": "/b", "mode": "RW"},
			{"host_path": "/in", "container_path": "inside", "mode": "RW"},
			{"source": {"type": "DOCKER_VOLUME", "docker_volume": {"driver": "flocker", "name": "v"}}, "container_path": "/c", "mode": "RW"},
			{"source": {"type": "HOST_PATH", "host_path": {"path": "/p", "mount_propagation": {"mode": "BIDIRECTIONAL"}}}, "container_path": "/d", "mode": "RW"},
			{"source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "SELF", "path": "s"}}, "container_path": "/e", "mode": "RO"}],
		"docker": {"image": "box:1", "network": "BRIDGE", "privileged": true, "port_mappings": [{"host_port": 31005, "container_port": 80},
			{"host_port": 31005, "container_port": 53, "protocol": "UDP"}],
			"parameters": [{"key": "label", "value": "a=b"}, {"key": "env", "value": "X=1"}]}}`,
		`{"shell": true, "value": "run", "environment": {"variables": [{"name": "B", "value": "1"}, {"name": "A", "value": "2"}]}}`, one)
	o.Environment = map[string]string{"B": "hook's"}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	want := &engine.Create{
		Image: "box:1", AttachStdout: true, AttachStderr: true, Hostname: "h", Entrypoint: []string{"/bin/sh"}, Cmd: []string{"-c", "run"},
		Env:          []string{"A=2", "B=hook's", "MESOS_ALLOCATION_ROLE=ads", "MESOS_CONTAINER_NAME=mesos-c1", "MESOS_SANDBOX=/mnt/mesos/sandbox", "X=1"},
		ExposedPorts: map[string]struct{}{"80/tcp": {}, "53/udp": {}}, Labels: map[string]string{"a": "b"},
		HostConfig: engine.HostConfig{
			Limits: engine.Limits{CPUShares: 1024, Memory: 64 << 20}, Privileged: true, NetworkMode: "bridge", VolumeDriver: "flocker",
			Binds: []string{"/in:/a:ro", "/sandbox/rel:/b:rw", "/in:/mnt/mesos/sandbox/inside:rw", "v:/c:rw", "/p:/d:rw,rshared", "/sandbox/s:/e:ro",
				"/sandbox:/mnt/mesos/sandbox"},
			PortBindings:  map[string][]engine.Binding{"80/tcp": {{HostPort: "31005"}}, "53/udp": {{HostPort: "31005"}}},
			RestartPolicy: &engine.RestartPolicy{Name: "no"},
		},
	}
	if d := cmp.Diff(want, r); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		`{"value": "echo hi"}`:                                  `["/bin/sh"] ["-c","echo hi"]`,
		`{"shell": false}`:                                      `null null`,
		`{"shell": false, "arguments": ["a", "b c"]}`:           `null ["a","b c"]`,
		`{"shell": false, "value": "/x", "arguments": ["a"]}`:   `null ["/x","a"]`,
		`{"shell": true, "value": "", "arguments": ["unused"]}`: `["/bin/sh"] ["-c",""]`,
	} {
		r, err := New(options(t, box(""), command, one))
		if err != nil {
			t.Fatal(err)
		}
		entry, _ := json.Marshal(r.Entrypoint)
		cmd, _ := json.Marshal(r.Cmd)
		if got := string(entry) + " " + string(cmd); got != want {
			t.Errorf("%s: %s, want %s", command, got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	inf := &mesospb.Value_Scalar{Value: proto.Float64(math.Inf(1))}
	half, hundred := &mesospb.Value_Scalar{Value: proto.Float64(0.5)}, &mesospb.Value_Scalar{Value: proto.Float64(100)}
	type limits = map[string]*mesospb.Value_Scalar
	for _, c := range []struct {
		name, bag string
		limits    limits
		cfs       bool
		want      engine.Limits
		scored    bool
	}{
		{"requests", "cpus:0.1;mem:40", nil, false, engine.Limits{CPUShares: 102, Memory: 40 << 20}, false},
		{"the least", "cpus:0.001;mem:1", nil, true, engine.Limits{CPUShares: 2, CPUQuota: 1000, Memory: 32 << 20}, false},
		{"a quota", "cpus:1.5;mem:32", nil, true, engine.Limits{CPUShares: 1536, CPUQuota: 150000, Memory: 32 << 20}, false},
		{"limits above requests", "cpus:0.1;mem:32", limits{"cpus": half, "mem": hundred}, false,
			engine.Limits{CPUShares: 102, CPUQuota: 50000, Memory: 100 << 20, MemoryReservation: 32 << 20}, true},
		{"limits that are the requests", "cpus:0.5;mem:100", limits{"cpus": half, "mem": hundred}, false,
			engine.Limits{CPUShares: 512, CPUQuota: 50000, Memory: 100 << 20, MemoryReservation: 100 << 20}, false},
		{"no limits", "cpus:0.1;mem:32", limits{"cpus": inf, "mem": inf}, true, engine.Limits{CPUShares: 102, MemoryReservation: 32 << 20}, true},
		{"nothing", "disk:1", nil, true, engine.Limits{}, false},
	} {
		o := options(t, box(""), nothing, c.bag)
		got, score, err := Limits(o.Resources, c.limits, c.cfs)
		if d := cmp.Diff(c.want, got); d != "" || err != nil || (score != 0) != c.scored {
			t.Errorf("%s: score %d, %v, -want +got\n%s", c.name, score, err, d)
		}
	}
}

// Every refusal has Mesos's text where Mesos has one.
func TestRefusals(t *testing.T) {
	t.Parallel()
	volume := func(v string) string {
		return `{"type": "DOCKER", "docker": {"image": "box"}, "volumes": [` + v + `]}`
	}
	user := func(infos string) string {
		return `{"type": "DOCKER", "docker": {"image": "box", "network": "USER"}, "network_infos": ` + infos + `}`
	}
	const docker = `{"source": {"type": "DOCKER_VOLUME", "docker_volume": {"driver": "d1", "name": "v"}}, "container_path": "/c", "mode": "RW"}`
	for _, c := range []struct{ container, command, bag, want string }{
		{`{"type": "DOCKER"}`, nothing, one, "No docker info found in container info"},
		{box(""), `{"shell": true}`, one, "Shell specified but no command value provided"},
		{box(""), `{"shell": false, "environment": {"variables": [{"name": "S", "type": "SECRET", "secret": {"type": "VALUE", "value": {"data": "eA=="}}}]}}`, one, "Environment variable 'S' is a secret"},
		{box(""), nothing, "cpus:1;gpus:1", "Attempted to allocate GPUs without Nvidia libraries available"},
		{`{"type": "DOCKER", "hostname": "h", "docker": {"image": "box"}}`, nothing, one, "Unable to set hostname with host network mode"},
		{box(`, "port_mappings": [{"host_port": 31000, "container_port": 80}]`), nothing, one, "Port mappings are only supported for bridge and user-defined networks"},
		{box(`, "network": "NONE", "port_mappings": [{"host_port": 31000, "container_port": 80}]`), nothing, one, "Port mappings are only supported for bridge and user-defined networks"},
		{box(`, "network": "BRIDGE", "port_mappings": [{"host_port": 31000, "container_port": 80}]`), nothing, "cpus:1", "Port mappings require port resources"},
		{box(`, "network": "BRIDGE", "port_mappings": [{"host_port": 32000, "container_port": 80}]`), nothing, one, "Port [32000] not included in resources"},
		{user(`[]`), nothing, one, "No network info found in container info"},
		{user(`[{"name": "a"}, {"name": "b"}]`), nothing, one, "Only a single network can be defined in Docker run"},
		{user(`[{}]`), nothing, one, "No network name found in network info"},
		{volume(`{"host_path": "a", "container_path": "b", "mode": "RW"}`), nothing, one, "Both host_path 'a' and container_path 'b' of a volume are relative"},
		{volume(`{"host_path": "../a", "container_path": "/b", "mode": "RW"}`), nothing, one, "leads out of the sandbox"},
		{volume(`{"container_path": "/b", "mode": "RW"}`), nothing, one, "Host path or volume source is required"},
		{volume(`{"source": {"type": "SECRET", "secret": {"type": "VALUE", "value": {"data": "eA=="}}}, "container_path": "/b", "mode": "RW"}`), nothing, one, "Volumes with source 'SECRET' are not supported by the docker containerizer"},
		{volume(docker + "," + strings.ReplaceAll(docker, "d1", "d2")), nothing, one, "Only one volume driver is supported"},
		{`{"type": "DOCKER", "docker": {"image": "box", "volume_driver": "d2"}, "volumes": [` + docker + `]}`, nothing, one, "Only one volume driver per task is supported"},
		{box(`, "parameters": [{"key": "gpus", "value": "all"}]`), nothing, one, "Parameter 'gpus' in DockerInfo is not supported by this agent"},
		{box(`, "parameters": [{"key": "memory", "value": "much"}]`), nothing, one, "Parameter 'memory' in DockerInfo: 'much': it is not a size"},
	} {
		if _, err := New(options(t, c.container, c.command, c.bag)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.container, err, c.want)
		}
	}
}

// Every parameter changes the request, and no parameter changes another one's field.
func TestParameters(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"blkio-weight": "500", "cpu-period": "1", "cpu-quota": "1", "cpu-rt-period": "1", "cpu-rt-runtime": "1", "cpu-shares": "7", "cpus": "1.5",
		"device": "/dev/null:/dev/none:r", "expose": "80", "health-interval": "5s", "health-start-period": "5s", "health-timeout": "5s", "health-retries": "3",
		"init": "true", "interactive": "true", "ip": "10.0.0.1", "ip6": "fe80::1", "kernel-memory": "64m", "log-opt": "a=b", "memory": "1g",
		"memory-reservation": "64m", "memory-swap": "-1", "memory-swappiness": "60", "mount": "type=tmpfs,target=/x", "no-healthcheck": "true",
		"oom-kill-disable": "true", "oom-score-adj": "5", "pids-limit": "10", "privileged": "true", "publish": "127.0.0.1:80:8080", "publish-all": "true",
		"read-only": "true", "restart": "on-failure:3", "rm": "true", "shm-size": "128k", "stop-timeout": "5", "storage-opt": "size=1g", "sysctl": "a=1",
		"tty": "true", "ulimit": "nofile=1:2",
	}
	plain, err := New(options(t, box(""), nothing, one))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	same := map[string]bool{"dns-option": true, "network-alias": true}
	for _, name := range Parameters() {
		value := values[name]
		if value == "" {
			value = "v"
		}
		r, err := New(options(t, box(`, "parameters": [{"key": "`+name+`", "value": "`+value+`"}]`), nothing, one))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if cmp.Equal(plain, r) {
			t.Errorf("%s changes nothing", name)
		}
		text, _ := json.Marshal(r)
		if other, twice := seen[string(text)]; twice && !same[name] {
			t.Errorf("%s and %s do the same: %s", name, other, text)
		}
		seen[string(text)] = name
	}
	for name, value := range map[string]string{
		"tty": "maybe", "cpu-shares": "x", "memory": "-1", "device": "null", "mount": "source=/a", "ulimit": "nofile", "ip": "host", "publish": "a:b:c:d",
		"expose": "0x", "cpus": "-1", "restart": "on-failure:x", "stop-timeout": "x", "health-retries": "x", "health-timeout": "5", "sysctl": "a",
		"security-opt": "seccomp=/no/such/file",
	} {
		if _, err := New(options(t, box(`, "parameters": [{"key": "`+name+`", "value": "`+value+`"}]`), nothing, one)); err == nil {
			t.Errorf("%s=%s is accepted", name, value)
		}
	}
	r, err := New(options(t, box(`, "parameters": [{"key": "net", "value": "mine"}, {"key": "network-alias", "value": "a"}]`), nothing, one))
	if err != nil || r.HostConfig.NetworkMode != "mine" || r.NetworkingConfig.EndpointsConfig["mine"].Aliases[0] != "a" {
		t.Errorf("%+v, %v", r, err)
	}
}

// A sandbox with a colon in its path cannot be part of a bind.
func TestColon(t *testing.T) {
	t.Parallel()
	o := options(t, box(""), nothing, one)
	o.Sandbox = "/a:b"
	r, err := New(o)
	want := []engine.Mount{{Type: "bind", Source: "/a:b", Target: "/mnt/mesos/sandbox"}}
	if err != nil || !cmp.Equal(r.HostConfig.Mounts, want) || len(r.HostConfig.Binds) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
