package blackbox

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"meseta/actors/account"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
)

// fetchWorld is an agent whose tasks fetch what they need, as the user nobody.
type fetchWorld struct {
	*testing.T
	nobody account.Account
	dir    string // everybody may go through it
	work   string // of the agent
	master *process
}

// newFetchWorld returns a world with a Hadoop client that knows every file, if there is to be one.
func newFetchWorld(t *testing.T, hadoop bool, environment ...string) *fetchWorld {
	t.Helper()
	nobody, err := account.Lookup("nobody")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs root, and a user called nobody")
	}
	w := &fetchWorld{T: t, nobody: nobody, dir: t.TempDir(), master: startMaster(t, "0", t.TempDir())}
	for _, dir := range []string{bin, filepath.Dir(w.dir), w.dir} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.work = filepath.Join(w.dir, "work")
	var flags []string
	if hadoop {
		w.put("hadoop/bin/hadoop", "#!/bin/sh\n"+
			`test "$1 $2" = "fs -copyToLocal" && printf '%s for %s' "$3" $(id -u) >"$4"`+"\n", 0o755)
		flags = []string{"--hadoop_home=" + filepath.Join(w.dir, "hadoop")}
	}
	startDaemonWith(t, environment, "mesos-agent", agentArgs("0", w.master.address, w.work, flags)...)
	return w
}

// put makes a file that belongs to root.
func (w *fetchWorld) put(name, content string, mode os.FileMode) string {
	w.Helper()
	path := filepath.Join(w.dir, name)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(content), mode)
	}
	if err != nil {
		w.Fatal(err)
	}
	return path
}

// named is a URI that is fetched as "f", as it is.
func named(uri string) string {
	return fmt.Sprintf(`{"value": %q, "output_file": "f", "extract": false}`, uri)
}

// fetches has a task fetch a URI, which is given in JSON, and print "f". It returns the sandbox, and what the framework was told.
func (w *fetchWorld) fetches(id, uri string) (sandbox, told string) {
	w.Helper()
	_, told = does(w.T, nil, "mesos-execute", "--master="+w.master.address, fmt.Sprintf(`--task={"name": %q, "task_id": {"value": %[1]q},
		"agent_id": {"value": ""}, "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}, {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}],
		"command": {"value": "id -u; cat f", "user": "nobody", "uris": [%s]}}`, id, uri))
	found, err := filepath.Glob(filepath.Join(w.work, "slaves/*/frameworks/*/executors", id, "runs/latest"))
	if err != nil || len(found) != 1 {
		w.Fatalf("the sandboxes of %s are %q, %v; the framework was told\n%s", id, found, err, told)
	}
	return found[0], told
}

// gets demands that a task got some content by a URI.
func (w *fetchWorld) gets(id, uri, content string) {
	w.Helper()
	w.getsBy(id, named(uri), content)
}

// getsBy is gets for a URI in JSON. The file has to be its user's.
func (w *fetchWorld) getsBy(id, uri, content string) {
	w.Helper()
	sandbox, told := w.fetches(id, uri)
	printed, err := os.ReadFile(filepath.Join(sandbox, "stdout"))
	if want := fmt.Sprintf("%d\n%s", w.nobody.UID, content); err != nil || !strings.Contains(told, "TASK_FINISHED") || !strings.Contains(string(printed), want) {
		w.Errorf("%s: the task printed\n%s\n%v, want\n%s\nand the framework was told\n%s", id, printed, err, want, told)
		return
	}
	info, err := os.Lstat(filepath.Join(sandbox, "f"))
	if err != nil {
		w.Fatal(err)
	}
	if s := info.Sys().(*syscall.Stat_t); s.Uid != w.nobody.UID || s.Gid != w.nobody.GID {
		w.Errorf("%s: the file is that of %d:%d", id, s.Uid, s.Gid)
	}
}

// fails demands that a task fails, since what is at a URI cannot be had, and that its sandbox says why.
func (w *fetchWorld) fails(id, uri, why string) {
	w.Helper()
	sandbox, told := w.fetches(id, named(uri))
	said, err := os.ReadFile(filepath.Join(sandbox, "stderr"))
	if err != nil || !strings.Contains(told, "TASK_FAILED") || !strings.Contains(told, "Failed to fetch all URIs for container") || !strings.Contains(string(said), why) {
		w.Errorf("%s: the sandbox says\n%s\n%v, want %q, and the framework was told\n%s", id, said, err, why, told)
	}
	if _, err := os.Lstat(filepath.Join(sandbox, "f")); err == nil {
		w.Errorf("%s: there is a file all the same", id)
	}
}

// ftpServer serves one file to one client at a time.
type ftpServer struct{ runtime.Actor }

// serve serves a file until the listener is closed.
func (x *ftpServer) serve(l net.Listener, path, content string) {
	runtime.Go(x, func(context.Context) (struct{}, error) {
		for {
			c, err := l.Accept()
			if err != nil {
				return struct{}{}, nil
			}
			speakFTP(c, path, content)
		}
	})
}

// speakFTP says as much of FTP as is needed to fetch a file.
func speakFTP(c net.Conn, path, content string) {
	defer c.Close()
	say := func(line string) { fmt.Fprint(c, line, "\r\n") }
	say("220 ready")
	var data net.Listener
	for lines := bufio.NewScanner(c); lines.Scan(); {
		switch verb, rest, _ := strings.Cut(lines.Text(), " "); {
		case verb == "USER":
			say("331 password")
		case verb == "PASS":
			say("230 in")
		case verb == "TYPE":
			say("200 ok")
		case verb == "EPSV":
			data, _ = net.Listen("tcp", "127.0.0.1:0")
			say(fmt.Sprintf("229 (|||%d|)", data.Addr().(*net.TCPAddr).Port))
		case verb == "SIZE" && rest == path:
			say(fmt.Sprint("213 ", len(content)))
		case verb == "RETR" && rest == path:
			say("150 it comes")
			if d, err := data.Accept(); err == nil {
				fmt.Fprint(d, content)
				d.Close()
			}
			data.Close()
			say("226 done")
		default:
			say("550 no")
		}
	}
}

// startFTP starts a server of FTP, and returns its address.
func startFTP(t *testing.T, path, content string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := runtimetest.Spawn(t, runtimetest.Node(t), "ftp", &ftpServer{})
	runtime.Tell(server, func(x *ftpServer) { x.serve(l, path, content) })
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// startHTTP starts a server of files by path. What is below /b it has for signed requests only, as object stores have.
func startHTTP(t *testing.T, files map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := files[r.URL.Path]
		switch {
		case !ok:
			http.NotFound(w, r)
		case strings.HasPrefix(r.URL.Path, "/b/") && !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=id/"):
			w.WriteHeader(http.StatusForbidden)
		default:
			fmt.Fprint(w, content)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// What a task needs is fetched as its user, who can read only what is for everybody, from wherever it is. A Hadoop client has what
// is in HDFS, in object stores, and wherever else, as in Mesos.
func TestURIsAreFetchedAsTheUser(t *testing.T) {
	t.Parallel()
	w := newFetchWorld(t, true)
	ftp, web := startFTP(t, "d/f", "from ftp"), startHTTP(t, map[string]string{"/f": "from the web"})
	user, hidden := fmt.Sprint(w.nobody.UID), filepath.Join(w.work, "meta/slaves/latest/slave.info")
	gone(t, func() []string { // it is written while the first task may be launched already
		if _, err := os.Stat(hidden); err != nil {
			return []string{err.Error()}
		}
		return nil
	})
	for id, c := range map[string]struct{ uri, content, why string }{
		"file":   {uri: "file://" + w.put("open", "for everybody", 0o644), content: "for everybody"},
		"path":   {uri: w.put("open too", "for all", 0o644), content: "for all"},
		"secret": {uri: w.put("secret", "for root", 0o600), why: "permission denied"},
		"hidden": {uri: hidden, why: "permission denied"},
		"http":   {uri: web + "/f", content: "from the web"},
		"404":    {uri: web + "/other", why: "received HTTP return code 404"},
		"ftp":    {uri: "ftp://" + ftp + "/d/f", content: "from ftp"},
		"550":    {uri: "ftp://" + ftp + "/d/other", why: "Error downloading resource: 550 no"},
		"hdfs":   {uri: "hdfs://name/d/f", content: "hdfs://name/d/f for " + user},
		"s3":     {uri: "s3a://b/k", content: "s3a://b/k for " + user},
		"other":  {uri: "other://b/f", content: "other://b/f for " + user},
	} {
		if c.why != "" {
			w.fails(id, c.uri, c.why)
		} else {
			w.gets(id, c.uri, c.content)
		}
	}
}

// Without a Hadoop client, objects are fetched with the agent's credentials, and nothing is fetched from HDFS or from nowhere.
func TestObjectsAreFetchedWithoutHadoop(t *testing.T) {
	t.Parallel()
	w := newFetchWorld(t, false, "PATH=/usr/bin:/bin", "AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=planted",
		"AWS_ENDPOINT_URL_S3="+startHTTP(t, map[string]string{"/b/d/k": "an object"}))
	w.gets("object", "s3://b/d/k", "an object")
	w.gets("other-name", "s3n://b/d/k", "an object")
	w.fails("no-object", "s3://b/d/other", "received HTTP return code 404")
	w.fails("no-client", "hdfs://name/f", "Hadoop client is not available")
	w.fails("nowhere", "other://b/f", "Hadoop client is not available")
}

// archives makes an archive of each kind with a file "f", by the programs of the system that there are for that. It returns their
// content by path.
func archives(t *testing.T, content string) map[string]string {
	t.Helper()
	dir, all := t.TempDir(), map[string]string{}
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, command := range map[string]string{
		"a.tar": "tar -cf a.tar f", "a.tgz": "tar -czf a.tgz f", "a.tar.gz": "tar -czf a.tar.gz f", "a.tbz2": "tar -cjf a.tbz2 f",
		"a.tar.bz2": "tar -cjf a.tar.bz2 f", "a.txz": "tar -cJf a.txz f", "a.tar.xz": "tar -cJf a.tar.xz f", "a.zip": "zip -q a.zip f", "f.gz": "gzip -k f",
	} {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Logf("there is no %s: %v: %s", name, err, out)
			continue
		}
		made, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all["/"+name] = string(made)
	}
	return all
}

// Archives of every kind are unpacked as the task's user, unless that is not wanted. What is none is a failure. A download that
// stands still is given up.
func TestArchivesAndStandstillFromOutside(t *testing.T) {
	t.Parallel()
	w := newFetchWorld(t, false, "MESOS_FETCHER_STALL_TIMEOUT=1secs")
	made := archives(t, "from an archive")
	made["/junk.tar"] = "this is no archive"
	web := startHTTP(t, made)
	for path := range made {
		if path == "/junk.tar" {
			continue
		}
		w.getsBy("unpacked"+strings.ReplaceAll(path, "/", "-"), fmt.Sprintf(`{"value": %q}`, web+path), "from an archive")
		w.gets("as-it-is"+strings.ReplaceAll(path, "/", "-"), web+path, made[path])
	}
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, "a beginning")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(slow.Close)
	for id, c := range map[string]struct{ uri, why string }{
		"junk": {web + "/junk.tar", "Failed to extract archive 'junk.tar'"},
		"slow": {slow.URL + "/f", "the download stands still"},
	} {
		sandbox, told := w.fetches(id, fmt.Sprintf(`{"value": %q}`, c.uri))
		if said, err := os.ReadFile(filepath.Join(sandbox, "stderr")); err != nil || !strings.Contains(told, "TASK_FAILED") || !strings.Contains(string(said), c.why) {
			t.Errorf("%s: the sandbox says\n%s\n%v, want %q, and the framework was told\n%s", id, said, err, c.why, told)
		}
	}
}
