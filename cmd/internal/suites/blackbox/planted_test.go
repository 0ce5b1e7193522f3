package blackbox

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/procfs"
)

// showsURIs are what shows executors with the URIs of their commands, as in Mesos.
var showsURIs = map[string]bool{"GET /state": true, "GET /frameworks": true, "call GET_STATE": true, "call GET_EXECUTORS": true}

// What is secret is nowhere to be seen: not in what endpoints and calls show to those who may see everything, nor in traces, logs,
// files, the arguments and variables of the daemons, or the arguments of what they start.
func TestPlantedSecrets(t *testing.T) {
	t.Parallel()
	const word, password = "a-word-that-the-task-knows", "a-password-of-a-server"
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		if _, given, _ := in.BasicAuth(); given != password {
			out.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(server.Close)
	uri := strings.Replace(server.URL, "http://", "http://user:"+password+"@", 1) + "/file"
	g := newGuardedWorld(t, fmt.Sprintf(`{"value":"sleep 1000","uris":[{"value":%q}],"environment":{"variables":[`+
		`{"name":"WORD","type":"SECRET","secret":{"type":"VALUE","value":{"data":%q}}}]}}`, uri, base64.StdEncoding.EncodeToString([]byte(word))))
	op := login{"op", "opsecret"}
	var said strings.Builder
	for _, daemon := range []struct {
		p    *process
		rows []access
	}{{g.master, masterAccess}, {g.agent, agentAccess}} {
		for _, row := range daemon.rows {
			method, target, _ := strings.Cut(row.what, " ")
			path, body := target, ""
			if method == "call" && strings.HasPrefix(target, "GET_") {
				method, path, body = http.MethodPost, "/api/v1", `{"type":"`+target+`","get_metrics":{}}`
			}
			if method == http.MethodGet || body != "" {
				_, text := daemon.p.as(op, method, g.places.Replace(path), body)
				fmt.Fprintf(&said, "%s: %s\n", row.what, text)
			}
		}
		_, saved := daemon.p.as(op, http.MethodPost, "/trace/save", "")
		kept, err := os.ReadFile(strings.TrimSpace(saved))
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(&said, "the saved trace: %s\n", strings.ReplaceAll(string(kept), "\n", " "))
		said.WriteString(daemon.p.out.String())
	}
	hidden := []string{word, password, taskData, "opsecret", "nothingsecret", executorsKey, base64.StdEncoding.EncodeToString([]byte(word))}
	for line := range strings.Lines(said.String()) {
		what, _, _ := strings.Cut(line, ":")
		i := slices.IndexFunc(hidden, func(h string) bool { return strings.Contains(line, h) })
		if i >= 0 && (hidden[i] != password || !showsURIs[what]) {
			t.Errorf("%.40s… shows %s", line, hidden[i])
		}
	}
	started := below(t, g.agent.cmd.Process.Pid)
	if len(started) < 2 {
		t.Errorf("only the processes %d are below the agent", started)
	}
	for _, pid := range append(started, below(t, g.master.cmd.Process.Pid)...) {
		arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && slices.ContainsFunc(hidden, func(h string) bool { return strings.Contains(string(arguments), h) }) {
			t.Errorf("the list of processes shows a secret: %q", arguments)
		}
	}
	work, _, _ := strings.Cut(g.places.Replace("{sandbox}"), "/slaves/")
	if found := whoShows(t, hidden, work, "", g.master, g.agent); len(found) > 0 {
		t.Errorf("secrets are in %q", found)
	}
}

// locked starts a proxy to a registry that asks for a password, and returns its URL.
func locked(t *testing.T, registry, password string) string {
	t.Helper()
	to, err := url.Parse(registry)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		if _, given, _ := in.BasicAuth(); given != password {
			out.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			out.WriteHeader(http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(out, in)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// records are the files in which an agent keeps executors and containers as their framework described them.
var records = map[string]bool{"executor.info": true, "config": true, "launch_info": true, ".journal-0": true, ".journal-1": true}

// everythingSaid returns what the daemons have printed and answer, and the arguments and variables of the processes below the agent.
func (w *imageWorld) everythingSaid() map[string]string {
	w.t.Helper()
	said := map[string]string{}
	for _, daemon := range []*process{w.master, w.agent} {
		said[daemon.name] = daemon.out.String()
		for _, path := range []string{"/state", "/flags", "/tasks", "/frameworks", "/containers", "/containerizer/debug", "/trace"} {
			_, said[daemon.name+" "+path] = daemon.get(path)
		}
	}
	processes := below(w.t, w.agent.cmd.Process.Pid)
	if len(processes) < 3 {
		w.t.Errorf("only %d processes are below the agent", len(processes))
	}
	for _, pid := range processes {
		program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		for _, file := range []string{"cmdline", "environ"} {
			if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file)); err == nil {
				said[fmt.Sprintf("%s of %s (%d)", file, program, pid)] = string(text)
			}
		}
	}
	return said
}

// below lists the processes that a process has started, and those that these have.
func below(t *testing.T, pid int) (found []int) {
	t.Helper()
	all, err := procfs.AllProcs()
	if err != nil {
		t.Fatal(err)
	}
	children := map[int][]int{}
	for _, p := range all {
		if stat, err := p.Stat(); err == nil { // others have ended meanwhile
			children[stat.PPID] = append(children[stat.PPID], p.PID)
		}
	}
	for next := []int{pid}; len(next) > 0; next = next[1:] {
		found = append(found, children[next[0]]...)
		next = append(next, children[next[0]]...)
	}
	return found
}

// The password of a registry and the secrets of a volume and of a variable are not seen of an agent that uses them, nor in what it keeps
// of the container, nor in the arguments of processes below it, nor but for the variable in their variables. With checkpoints, the agent keeps an executor as its framework described it,
// in files that only its user can read.
func TestPlantedSecretsOfContainers(t *testing.T) {
	t.Parallel()
	const word, variable, password = "a-word-that-is-in-a-volume", "a-word-that-is-in-a-variable", "a-password-of-a-registry"
	w := newImageWorld(t)
	w.agent.signal(syscall.SIGTERM)
	w.agent.ends()
	registry := locked(t, flagOf(w.args, "--docker_registry"), password)
	login := base64.StdEncoding.EncodeToString([]byte("user:" + password))
	for i, arg := range w.args {
		if strings.HasPrefix(arg, "--docker_registry=") {
			w.args[i] = "--docker_registry=" + registry
		}
		if strings.HasPrefix(arg, "--isolation=") {
			w.args[i] += ",volume/secret"
		}
	}
	w.args = append(w.args, "--docker_config="+write(t, "config.json", fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, strings.TrimPrefix(registry, "http://"), login)))
	w.start()
	hidden := []string{word, base64.StdEncoding.EncodeToString([]byte(word)), password, login, base64.StdEncoding.EncodeToString([]byte(variable)), variable}
	p := start(t, nil, "mesos-execute", "--master="+w.master.address, "--checkpoint", fmt.Sprintf(`--task={"name":"t","task_id":{"value":"t"},"agent_id":{"value":""},
		"command":{"shell":false,"arguments":["read w < $MESOS_SANDBOX/word; echo ${#w} and ${#WORD} letters; sleep 1000"],"environment":{"variables":[
		{"name":"WORD","type":"SECRET","secret":{"type":"VALUE","value":{"data":%q}}}]}},"resources":[
		{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}},{"name":"mem","type":"SCALAR","scalar":{"value":32}}],
		"container":{"type":"MESOS","mesos":{"image":{"type":"DOCKER","docker":{"name":"test/box:v1"}}},"volumes":[{"mode":"RO","container_path":"word",
		"source":{"type":"SECRET","secret":{"type":"VALUE","value":{"data":%q}}}}]}}`, hidden[4], hidden[1]))
	p.awaits("TASK_RUNNING")
	printed := func() []string {
		files, err := filepath.Glob(filepath.Join(w.dir, "agent/slaves/*/frameworks/*/executors/t/runs/latest/stdout"))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(strings.Join(files, "")); err == nil && strings.Contains(string(text), fmt.Sprintf("%d and %d letters", len(word), len(variable))) {
			return nil
		}
		return []string{"a task that has not read its secret"}
	}
	gone(t, printed)

	for what, text := range w.everythingSaid() {
		i := slices.IndexFunc(hidden, func(h string) bool { return strings.Contains(text, h) })
		if i >= 0 && (hidden[i] != variable || !strings.HasPrefix(what, "environ of ")) { // of the executor and its task
			t.Errorf("%s shows %s", what, hidden[i])
		}
	}
	var kept []string
	for _, path := range whoShows(t, hidden, w.dir, "", w.master, w.agent) {
		info, err := os.Stat(path)
		if name := filepath.Base(path); err != nil || info.Mode().Perm() != 0o600 || !records[name] {
			t.Errorf("%s, of mode %v, shows a secret (%v)", path, info.Mode(), err)
		}
		kept = append(kept, filepath.Base(path))
	}
	if found := whoShows(t, []string{password, login}, w.dir, ""); len(found) > 0 {
		t.Errorf("the password is in %q", found)
	}
	if !slices.Contains(kept, "executor.info") {
		t.Errorf("the agent keeps no executor with its secret, only %q: say so in SECURITY.md", kept)
	}
	p.signal(syscall.SIGTERM)
	p.ends()
	w.clean()
}

// flagOf returns the value of a flag.
func flagOf(args []string, name string) string {
	for _, arg := range args {
		if value, found := strings.CutPrefix(arg, name+"="); found {
			return value
		}
	}
	return ""

}

// Why a file was not fetched is in the log, and says from where, but not with which password.
func TestAFailedFetchTellsNoPassword(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	agent := startAgent(t, "0", m.address, t.TempDir())
	const task = `{"name":"fetches","task_id":{"value":"fetches"},"agent_id":{"value":""},
		"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}},{"name":"mem","type":"SCALAR","scalar":{"value":32}}],
		"command":{"value":"true","uris":[{"value":"http://user:hidden-word@127.0.0.1:1/file?signature=hidden-word"}]}}`
	if status, out := does(t, nil, "mesos-execute", "--master="+m.address, "--task="+task); status == 0 || !strings.Contains(out, "TASK_FAILED") {
		t.Fatalf("exit status %d: %s", status, out)
	}
	agent.awaits("Failed to fetch 'http://…@127.0.0.1:1/file?…'")
	for where, text := range map[string]string{
		"the agent's log": agent.out.String(), "the master's log": m.out.String(), "the agent's trace": agent.body("/trace"), "the master's trace": m.body("/trace"),
	} {
		if strings.Contains(text, "hidden-word") {
			t.Errorf("%s shows the password", where)
		}
	}
}
