package docker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"meseta/messages/pb/mesospb"
	"meseta/slave/provisioner/docker"
	"meseta/slave/provisioner/layer"
	"meseta/slave/provisioner/mounttest"
)

// guard is what asks for tokens before a registry.
type guard struct {
	http.Handler
	asked atomic.Int32 // for tokens
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/token":
		g.asked.Add(1)
		if user, password, _ := r.BasicAuth(); user != "u" || password != "p" || !strings.HasPrefix(r.FormValue("scope"), "repository:a") {
			http.Error(w, "who?", http.StatusUnauthorized)
			return
		}
		json.NewEncoder(w).Encode(map[string]string{"token": "let me in"}) //nolint:errcheck // the client finds out
	case r.Header.Get("Authorization") != "Bearer let me in":
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="s"`)
		http.Error(w, "token, please", http.StatusUnauthorized)
	default:
		g.Handler.ServeHTTP(w, r)
	}
}

func config(t *testing.T, host, user, password string) docker.Config {
	t.Helper()
	c, err := docker.ParseConfig(fmt.Appendf(nil, `{"auths": {%q: {"username": %q, "password": %q}}}`, host, user, password))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTokens(t *testing.T) {
	t.Parallel()
	g := &guard{}
	h := newHub(t, func(inner http.Handler) http.Handler { g.Handler = inner; return g })
	h.push(image(t, "one"), "a")
	for name, test := range map[string]struct {
		config docker.Config
		own    string // passwords of the image
		good   bool
	}{
		"right password":                  {config(t, h.host, "u", "p"), "", true},
		"wrong password":                  {config(t, h.host, "u", "secret"), "", false},
		"no password":                     {nil, "", false},
		"of another host":                 {config(t, "other", "u", "p"), "", false},
		"of the image":                    {nil, `{"auths": {"` + h.host + `": {"username": "u", "password": "p"}}}`, true},
		"of the image before the agent's": {config(t, h.host, "u", "p"), `{"auths": {"` + h.host + `": {"username": "u", "password": "secret"}}}`, false},
		"of the image are damaged":        {config(t, h.host, "u", "p"), `{"auths": "secret"}`, false},
	} {
		s, dir := newStore(t, docker.Options{Registry: "http://" + h.host, Config: test.config})
		i := named("a")
		if test.own != "" {
			i.Docker.Config = &mesospb.Secret{Type: mesospb.Secret_VALUE.Enum(), Value: &mesospb.Secret_Value{Data: []byte(test.own)}}
		}
		_, err := s.Get(t.Context(), i, layer.Keep)
		if (err == nil) != test.good || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
		clean(t, dir)
	}
	if g.asked.Load() == 0 {
		t.Error("nobody asked for a token")
	}
}

// spoiler spoils the bodies of blobs.
type spoiler struct {
	http.Handler
	spoil func(n int32, w http.ResponseWriter, content []byte) bool // n counts the blobs from 1; false means to leave it
	blobs atomic.Int32
}

type recorder struct {
	http.ResponseWriter
	content []byte
	status  int
}

func (r *recorder) Write(p []byte) (int, error) {
	r.content = append(r.content, p...)
	return len(p), nil
}
func (r *recorder) WriteHeader(status int) { r.status = status }

func (s *spoiler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.URL.Path, "/blobs/") || r.Method != http.MethodGet {
		s.Handler.ServeHTTP(w, r)
		return
	}
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	s.Handler.ServeHTTP(rec, r)
	if s.spoil(s.blobs.Add(1), w, rec.content) {
		return
	}
	w.WriteHeader(rec.status)
	w.Write(rec.content) //nolint:errcheck // the client finds out
}

// cut ends a connection in the middle of a body.
func cut(w http.ResponseWriter, content []byte) bool {
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	w.Write(content[:len(content)/2]) //nolint:errcheck // it is to fail
	panic(http.ErrAbortHandler)
}

func TestBrokenBodies(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(n int32, w http.ResponseWriter, content []byte) bool
		want  string // in the error; "" means that the image arrives
	}{
		"a layer is cut once": {func(n int32, w http.ResponseWriter, c []byte) bool { return n == 2 && cut(w, c) }, ""},
		"it is always cut":    {func(n int32, w http.ResponseWriter, c []byte) bool { return n > 1 && cut(w, c) }, "Failed to fetch layer"},
		"it is another one": {func(n int32, w http.ResponseWriter, c []byte) bool {
			if n > 1 {
				w.Write(append(c[:len(c)-1:len(c)-1], c[len(c)-1]+1)) //nolint:errcheck // the client finds out
			}
			return n > 1
		}, "Failed to fetch layer"},
		"it does not end": {func(n int32, w http.ResponseWriter, c []byte) bool {
			for n > 1 {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return true
				}
			}
			return false
		}, "Failed to fetch layer"},
		"the configuration is another one": {func(_ int32, w http.ResponseWriter, _ []byte) bool {
			io.WriteString(w, "{}") //nolint:errcheck // the client finds out
			return true
		}, "Failed to fetch the configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t, func(inner http.Handler) http.Handler { return &spoiler{Handler: inner, spoil: test.spoil} })
			h.push(image(t, "one"), "a")
			s, dir := newStore(t, docker.Options{Registry: "http://" + h.host})
			i, err := s.Get(t.Context(), named("a"), layer.Keep)
			if test.want == "" && (err != nil || contents(t, i)[0] != "one") || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, %v, want %q", i, err, test.want)
			}
			clean(t, dir)
		})
	}
}

// A registry that stands still is given up, and a pull that nobody wants any more ends.
func TestStalled(t *testing.T) {
	t.Parallel()
	block := func(inner http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/blobs/") {
				<-r.Context().Done()
				return
			}
			inner.ServeHTTP(w, r)
		})
	}
	h := newHub(t, block)
	h.push(image(t, "one"), "a")
	s, dir := newStore(t, docker.Options{Registry: "http://" + h.host, StallTimeout: 10 * time.Millisecond})
	if _, err := s.Get(t.Context(), named("a"), layer.Keep); err == nil || !strings.Contains(err.Error(), "stands still") {
		t.Errorf("stalled: %v", err)
	}
	clean(t, dir)
}

// Containers that want the same image share a pull, which ends when none of them wants it any more.
func TestShared(t *testing.T) {
	t.Parallel()
	var blobs atomic.Int32
	arrived, proceed := make(chan struct{}, 10), make(chan struct{})
	h := newHub(t, func(inner http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/blobs/") && blobs.Add(1) == 1 {
				arrived <- struct{}{}
				select {
				case <-proceed:
				case <-r.Context().Done():
					blobs.Store(0)
					arrived <- struct{}{}
					return
				}
			}
			inner.ServeHTTP(w, r)
		})
	})
	h.push(image(t, "one"), "a")
	s, _ := newStore(t, docker.Options{Registry: "http://" + h.host})
	for _, patient := range []bool{false, true} { // whether one of the containers keeps waiting
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		results := make([]error, 3)
		for n := range results {
			wg.Go(func() {
				own := ctx
				if n == 0 && patient {
					own = t.Context()
				}
				_, results[n] = s.Get(own, named("a"), layer.Keep)
			})
		}
		<-arrived
		cancel()
		if patient {
			close(proceed)
		} else {
			<-arrived // the registry has seen the end of the connection
		}
		wg.Wait()
		for n, err := range results {
			if n == 0 && patient && err != nil || !patient && !errors.Is(err, context.Canceled) {
				t.Errorf("%d: %v", n, err)
			}
		}
	}
	if n := blobs.Load(); n != 2 {
		t.Errorf("%d blobs were asked for, want a configuration and a layer", n)
	}
	if _, err := s.Get(t.Context(), named("a"), layer.Keep); err != nil {
		t.Error(err)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	h := newHub(t, nil)
	h.push(image(t, "base", "one"), "a")
	h.push(image(t, "base", "two"), "b")
	h.push(image(t, "three"), "c")
	s, dir := newStore(t, docker.Options{Registry: "http://" + h.host})
	var active []string
	for _, name := range []string{"a", "b", "c"} {
		i, err := s.Get(t.Context(), named(name), layer.Keep)
		if err != nil {
			t.Fatal(err)
		}
		if name == "c" { // a container still has it
			active = append(append(active, i.Layers...), i.Config)
		}
	}
	if err := s.Prune(t.Context(), []*mesospb.Image{named("a"), named("nosuch")}, active); err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, path := range files(t, filepath.Join(dir, "layers")) {
		if base := filepath.Base(path); !strings.HasPrefix(base, "sha256:") {
			left = append(left, base)
		}
	}
	if len(left) != 3 || strings.Contains(strings.Join(left, " "), "two") {
		t.Errorf("there are %v", left)
	}
	for _, path := range active {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	clean(t, dir)
	again, _ := newStore(t, docker.Options{Registry: "http://localhost:1", Dir: dir})
	for name, want := range map[string]bool{"a": true, "b": false, "c": false} {
		if _, err := again.Get(t.Context(), named(name), layer.Keep); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Prune(t.Context(), []*mesospb.Image{named("../a")}, nil); err == nil || !strings.Contains(err.Error(), "Failed to parse docker image '../a'") {
		t.Errorf("a name that is none: %v", err)
	}
	if err := s.Prune(t.Context(), nil, nil); err != nil || len(files(t, filepath.Join(dir, "layers"))) != 0 {
		t.Errorf("%v, %v", err, files(t, dir))
	}
}

// A full disk in the middle of an image leaves nothing behind, and the image can be pulled when there is room.
func TestFullDisk(t *testing.T) {
	mounttest.Need(t)
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	h := newHub(t, nil)
	h.push(image(t, "one", strings.Repeat("x", 200)), "small")
	large := archive(t, "large", strings.Repeat("y", 1<<20))
	h.push(append1(t, image(t, "one"), large), "large")
	s, _ := newStore(t, docker.Options{Registry: "http://" + h.host, Dir: dir})
	if _, err := s.Get(t.Context(), named("large"), layer.Keep); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a full disk: %v", err)
	}
	clean(t, dir)
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
	if _, err := s.Get(t.Context(), named("small"), layer.Keep); err != nil {
		t.Error(err)
	}
}

// What pulls of agents that were killed have left is removed, and what others still pull is not.
func TestStaleStaging(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"staging/stale/a", "staging/busy/a", "gc/layer.1/a"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	busy, err := os.Open(filepath.Join(dir, "staging/busy"))
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	if err := unix.Flock(int(busy.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "storedImages"), []byte("\xff\xff\xff\xffdamaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	newStore(t, docker.Options{Registry: "http://localhost:1", Dir: dir})
	for name, want := range map[string]bool{"staging/stale": false, "staging/busy": true, "gc/layer.1": false} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
