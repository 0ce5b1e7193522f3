package fetcher_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"meseta/actors/account"
	"meseta/slave/fetcher"
)

// newHadoop makes a client out of a script, and the store that it knows as hdfs://store/.
func newHadoop(t *testing.T, script string) (home, store string) {
	t.Helper()
	home = t.TempDir()
	store = filepath.Join(home, "store")
	for _, dir := range []string{store, filepath.Join(home, "bin")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for dir := home; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(home, "bin", "hadoop"), []byte("#!/bin/sh\nstore="+store+"\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return home, store
}

const client = `
echo "$*" >> "$store/../asked"
case "$1 $2" in
"fs -du") echo "WARN something"; echo "$(stat -c %s "$store/${3#*://*/}")  999  $3";;
"fs -copyToLocal")
	[ -e "$4" ] && { echo "$4: File exists" >&2; exit 1; }
	cat "$store/${3#*://*/}" > "$4" || { echo "copyToLocal: no such file" >&2; exit 1; };;
*) exit 255;;
esac
`

func put(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// What is known to a Hadoop client is fetched by it, and nothing of it is left but what was wanted.
func TestHadoop(t *testing.T) {
	t.Parallel()
	home, store := newHadoop(t, client)
	put(t, store+"/f", "in the store", 0o644)
	put(t, store+"/x.tgz", string(gzipped(t, tarball(t, file("d/f")))), 0o644)
	k := kitchen{sandbox: t.TempDir()}
	o := fetcher.Options{Clock: stopwatch{}, HadoopHome: home, Environment: os.Environ()}
	if err := k.fetchWith(t.Context(), o, uri("hdfs://store/f"), uri("s3a://store/f", named("g")), uri("hftp://store/x.tgz")); err != nil {
		t.Fatal(err)
	}
	k.holds(t, "f", "in the store")
	k.holds(t, "g", "in the store")
	k.holds(t, "d/f", "content of d/f")
	if _, err := os.Lstat(k.sandbox + "/.hadoop"); err == nil {
		t.Error("the client's directory is left")
	}
	err := k.fetchWith(t.Context(), o, uri("hdfs://store/missing"))
	if err == nil || !strings.Contains(err.Error(), "HDFS copyToLocal failed: Unexpected result from the subprocess: status='exited with status 1'") ||
		!strings.Contains(err.Error(), "copyToLocal: no such file") {
		t.Errorf("fetching what is not there: %v", err)
	}
	o.HadoopHome, o.Environment = "", append(o.Environment, "HADOOP_HOME="+home)
	if err := k.fetchWith(t.Context(), o, uri("hdfs://store/f", named("h"))); err != nil {
		t.Error(err)
	}
	o.HadoopHome = "/no/such/home"
	if err := k.fetchWith(t.Context(), o, uri("hdfs://store/f", named("i"))); err == nil || !strings.Contains(err.Error(), "Hadoop client is not available") {
		t.Errorf("fetching without a client: %v", err)
	}
}

// The client runs as the user, with the agent's environment but for what is the agent's own.
func TestHadoopRunsAsTheUser(t *testing.T) {
	t.Parallel()
	nobody, err := account.Lookup("nobody")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs root, and a user called nobody")
	}
	home, store := newHadoop(t, client)
	put(t, store+"/secret", "S", 0o600)
	put(t, home+"/asked", "", 0o666)
	k := kitchen{sandbox: t.TempDir()}
	for dir := k.sandbox; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(k.sandbox, int(nobody.UID), int(nobody.GID)); err != nil {
		t.Fatal(err)
	}
	o := fetcher.Options{
		Clock: stopwatch{}, HadoopHome: home, Owner: &nobody, Directory: "/the/sandbox",
		Environment: append(os.Environ(), "MESOS_WORK_DIR=/work", "LIBPROCESS_PORT=1", "GREETING=hello"),
	}
	if err := k.fetchWith(t.Context(), o, uri("hdfs://store/secret")); err == nil || !strings.Contains(err.Error(), "Permission denied") {
		t.Errorf("nobody fetched a secret of root: %v", err)
	}
	put(t, home+"/bin/hadoop", "#!/bin/sh\nenv > $4; pwd >> $4", 0o755)
	if err := k.fetchWith(t.Context(), o, uri("hdfs://store/env")); err != nil {
		t.Fatal(err)
	}
	if s := k.lstat(t, "env").Sys().(*syscall.Stat_t); s.Uid != nobody.UID {
		t.Errorf("the file belongs to %d", s.Uid)
	}
	env, err := os.ReadFile(k.sandbox + "/env")
	if err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string]bool{
		"GREETING=hello": true, "HADOOP_HOME=" + home: true, "MESOS_SANDBOX=/the/sandbox": true, k.sandbox: true,
		"MESOS_WORK_DIR": false, "LIBPROCESS_PORT": false,
	} {
		if strings.Contains(string(env), word) != want {
			t.Errorf("the client finds\n%s, want %s: %t", env, word, want)
		}
	}
}

// The client ends with the fetch, together with all that it started, and at the end of the room.
func TestHadoopIsBounded(t *testing.T) {
	t.Parallel()
	home, _ := newHadoop(t, `exec cat /dev/zero > "$4"`)
	k := kitchen{sandbox: t.TempDir()}
	little := func(*os.File) (free, size uint64, err error) { return 1<<20 + 5<<20, 100 << 20, nil }
	o := fetcher.Options{Clock: stopwatch{}, HadoopHome: home, Room: little}
	if err := k.fetchWith(t.Context(), o, uri("hdfs://store/f")); err == nil || !strings.Contains(err.Error(), "terminated with signal file size limit exceeded") {
		t.Errorf("the client ended with %v", err)
	}
	if size := k.size(t); size != 0 {
		t.Errorf("%d bytes are left", size)
	}

	ready := filepath.Join(t.TempDir(), "ready")
	if err := syscall.Mkfifo(ready, 0o600); err != nil {
		t.Fatal(err)
	}
	home, _ = newHadoop(t, `setsid sleep 1000 & echo > `+ready+`; wait`)
	o.HadoopHome = home
	ctx, cancel := context.WithCancelCause(t.Context())
	atOnce(func() {
		if err := k.fetchWith(ctx, o, uri("hdfs://store/f")); !errors.Is(err, errUnwanted) {
			t.Errorf("the fetch ended with %v", err)
		}
	}, func() {
		if _, err := os.ReadFile(ready); err != nil {
			t.Error(err)
		}
		cancel(errUnwanted)
	})
}

// The cache asks the client how large files are.
func TestHadoopThroughTheCache(t *testing.T) {
	t.Parallel()
	home, store := newHadoop(t, client)
	l := newLarder(t, 100)
	fetch := func(want string) {
		t.Helper()
		k := kitchen{sandbox: t.TempDir()}
		o := fetcher.Options{Clock: stopwatch{}, HadoopHome: home, Environment: os.Environ(), Cache: l.Cache, Warn: func(err error) { t.Error(err) }}
		if err := k.fetchWith(t.Context(), o, uri("hdfs://store/f", cachedURI)); err != nil {
			t.Fatal(err)
		}
		k.holds(t, "f", want)
	}
	put(t, store+"/f", "one", 0o644)
	fetch("one")
	fetch("one")
	put(t, store+"/f", "three", 0o644)
	fetch("three")
	asked, err := os.ReadFile(home + "/asked")
	want := "fs -copyToLocal hdfs://store/f content\nfs -du hdfs://store/f\nfs -du hdfs://store/f\nfs -copyToLocal hdfs://store/f content\n"
	if err != nil || string(asked) != want {
		t.Errorf("the client was asked for\n%s, want\n%s", asked, want)
	}
}
