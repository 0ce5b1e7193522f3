package socket_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/web"
	"meseta/slave/socket"
)

// agent answers at its API and elsewhere, and must not hear any message.
type agent struct {
	runtime.Actor
	t *testing.T
}

func (a *agent) Initialize() {
	for path, realm := range map[string]string{"/api/v1": "operators", "/api/v1/executor": "executors", "/state": "operators"} {
		web.RouteIn(a, realm, path, web.Help{}, func(req *web.Request) runtime.Future[*web.Response] {
			body, err := io.ReadAll(req.Body)
			if err != nil {
				a.t.Error(err)
			}
			return runtime.Ready(web.Text(http.StatusOK, req.Client+" says "+string(body)))
		})
	}
}

// newAgent starts an agent as slave(1).
func newAgent(t *testing.T) *runtime.Node {
	t.Helper()
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { t.Error(p.String()) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runtimetest.Close(t, n) })
	if _, err := runtime.Spawn(n, "slave(1)", &agent{t: t}); err != nil {
		t.Fatal(err)
	}
	return n
}

// serve serves an agent at path until the test ends, or the function that it returns is called.
func serve(t *testing.T, path string) (end func()) {
	t.Helper()
	s, err := socket.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(newAgent(t), "slave(1)", zerolog.Nop()); err != nil {
		t.Fatal(err)
	}
	ended := false
	end = func() {
		if !ended {
			ended = true
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(end)
	return end
}

// ask sends a request, with a body, to the socket at path.
func ask(t *testing.T, path, request string, headers ...string) (status int, body string) {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: agent\r\nContent-Length: 5\r\n%s\r\nhello", request, strings.Join(append(headers, ""), "\r\n"))
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// Only the two APIs are served, and no message gets in. Clients are known by their users and processes.
func TestOnlyTheAPI(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "agent.sock")
	serve(t, path)
	me := fmt.Sprintf("uid %d:%d says hello", os.Getuid(), os.Getpid())
	for _, c := range []struct {
		request, header string
		status          int
		body            string
	}{
		{"/slave(1)/api/v1", "", 200, me},
		{"/slave(1)/api/v1/executor", "", 200, me},
		{"/slave%281%29/api/v1/executor", "", 200, me},
		{"/slave(1)/state", "", 403, "403 Forbidden."},
		{"/slave(1)/api/v1/executor/", "", 403, "403 Forbidden."},
		{"/slave(1)/api/v1/../../state", "", 403, "403 Forbidden."},
		{"/api/v1", "", 403, "403 Forbidden."},
		{"/", "", 403, "403 Forbidden."},
		{"/slave(1)/mesos.internal.ShutdownMessage", "Libprocess-From: master@127.0.0.1:5050", 404, ""},
		{"/slave(1)/api/v1", "Libprocess-From: master@127.0.0.1:5050", 404, ""},
	} {
		var headers []string
		if c.header != "" {
			headers = append(headers, c.header)
		}
		if status, body := ask(t, path, c.request, headers...); status != c.status || !strings.Contains(body, c.body) {
			t.Errorf("%s %s: %d %q, want %d %q", c.request, c.header, status, body, c.status, c.body)
		}
	}
}

// The processes of a user that guesses are refused for a while, whatever they send.
func TestGuessesAreLimited(t *testing.T) {
	t.Parallel()
	path, n, log := filepath.Join(t.TempDir(), "agent.sock"), newAgent(t), zerolog.Nop()
	now := time.Unix(1000, 0) // and so it stays
	web.SetAuthenticator(n, "executors", &web.Throttle{
		Authenticator: &web.BasicAuthenticator{Realm: "executors", Passwords: map[string]string{"x": "right"}}, Now: func() time.Time { return now }, Log: &log,
	})
	s, err := socket.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) }) //nolint:errcheck // the test is over
	if err := s.Serve(n, "slave(1)", log); err != nil {
		t.Fatal(err)
	}
	with := func(password string) int {
		login := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("x:"+password))
		status, _ := ask(t, path, "/slave(1)/api/v1/executor", login)
		return status
	}
	if got := with("right"); got != http.StatusOK {
		t.Errorf("with the right password: %d", got)
	}
	for i := range 100 {
		if got := with("wrong"); got != http.StatusUnauthorized {
			t.Fatalf("guess %d: %d", i, got)
		}
	}
	if wrong, right := with("wrong"), with("right"); wrong != http.StatusTooManyRequests || right != http.StatusTooManyRequests {
		t.Errorf("after a hundred guesses: %d, and with the right password %d", wrong, right)
	}
}

// Everybody may connect, at the path and at the link beside it, which goes on to lead to the agent when there is a new one.
func TestAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run", "agent.sock")
	end := serve(t, path)
	folder, err := os.Stat(filepath.Dir(socket.Alone(path)))
	if err != nil {
		t.Fatal(err)
	}
	end()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
	serve(t, path)
	for _, p := range []string{path, socket.Alone(path)} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != 0o666 {
			t.Errorf("%s is %v, %v", p, info.Mode(), err)
		}
		if status, _ := ask(t, p, "/slave(1)/api/v1"); status != 200 {
			t.Errorf("%s answers %d", p, status)
		}
	}
	if now, err := os.Stat(filepath.Dir(socket.Alone(path))); err != nil || !os.SameFile(folder, now) {
		t.Errorf("the directory is another one, and containers have the old one: %v", err)
	}
	if names, err := os.ReadDir(filepath.Dir(socket.Alone(path))); err != nil || len(names) != 1 {
		t.Errorf("containers would see %v, %v", names, err)
	}
}

// A socket that was left over is replaced; nothing else is.
func TestWhatIsThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	serve(t, stale)
	if status, _ := ask(t, stale, "/slave(1)/api/v1"); status != 200 {
		t.Errorf("instead of a stale socket: %d", status)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{stale: "somebody listens at", file: "is no socket"} {
		if s, err := socket.Listen(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %q", path, s, err, want)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "mine" {
		t.Errorf("the file has %q, %v", text, err)
	}
	if status, _ := ask(t, stale, "/slave(1)/api/v1"); status != 200 {
		t.Errorf("the first agent answers %d", status)
	}
}

// The longest path works, and what cannot is refused.
func TestCheck(t *testing.T) {
	t.Parallel()
	at := func(n int) string { return "/" + strings.Repeat("a", n-1) }
	for path, want := range map[string]string{
		at(107): "", at(108): "has 108 bytes", "agent.sock": "does not begin with a slash",
	} {
		if err := socket.Check(path); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	dir := t.TempDir()
	if long := filepath.Join(dir, strings.Repeat("a", max(1, 107-len(dir)-1))); len(long) == 107 {
		s, err := socket.Listen(long)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}
