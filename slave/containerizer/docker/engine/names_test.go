package engine_test

import (
	"context"
	"encoding/base64"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"meseta/slave/containerizer/docker/engine"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for image, want := range map[string][3]string{
		"box":                                 {"box", "latest", "docker.io"},
		"box:1":                               {"box", "1", "docker.io"},
		"user/box":                            {"user/box", "latest", "docker.io"},
		"localhost/box":                       {"localhost/box", "latest", "localhost"},
		"registry.example:5000/a/b":           {"registry.example:5000/a/b", "latest", "registry.example:5000"},
		"registry.example/a/b:c":              {"registry.example/a/b", "c", "registry.example"},
		"registry.example/a@sha256:0123":      {"registry.example/a", "sha256:0123", "registry.example"},
		"registry.example:5000/a:t@sha256:01": {"registry.example:5000/a:t", "sha256:01", "registry.example:5000"},
	} {
		name, tag := engine.Split(image)
		if got := [3]string{name, tag, engine.Registry(image)}; got != want {
			t.Errorf("%s: %q, want %q", image, got, want)
		}
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	auth := base64.StdEncoding.EncodeToString([]byte("me:se:cret"))
	for name, file := range map[string]string{
		"config.json": `{"auths": {"https://index.docker.io/v1/": {"auth": "` + auth + `"}, "registry.example:5000": {"identitytoken": "t"}}}`,
		".dockercfg":  `{"https://index.docker.io/v1/": {"auth": "` + auth + `"}, "https://registry.example:5000/v2/": {"identitytoken": "t"}}`,
	} {
		c, err := engine.ParseCredentials([]byte(file))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if a := c.For("box"); a == nil || a.Username != "me" || a.Password != "se:cret" {
			t.Errorf("%s: %+v", name, a)
		}
		if a := c.For("registry.example:5000/box"); a == nil || a.IdentityToken != "t" {
			t.Errorf("%s: %+v", name, a)
		}
		if a := c.For("registry.example/box"); a != nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
	for file, want := range map[string]string{
		`{"auths": {}, "credsStore": "pass"}`:        "credsStore",
		`{"auths": {}, "credHelpers": {"a": "b"}}`:   "credHelpers",
		`{"auths": {"a": {"auth": "###"}}}`:          "'auth' of a is not base64",
		`{"auths": 3}`:                               "cannot unmarshal",
		`[]`:                                         "cannot unmarshal",
		`{"a": 1}`:                                   "it has no 'auths'",
		`{"auths": {"b": {"auth": "bm9jb2xvbg=="}}}`: "'auth' of b is not base64 of user:password",
	} {
		if _, err := engine.ParseCredentials([]byte(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", file, err, want)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	err := engine.Dial(socket).Connect(context.Background())
	want := "Cannot connect to the Docker daemon at unix://" + socket + ". Is the docker daemon running?"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// What listens is no engine, or one that is too old.
func TestOthersListen(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":                      "the Docker engine speaks version '' of its API",
		"HTTP/1.1 200 OK\r\nApi-Version: 1.29\r\nContent-Length: 0\r\n\r\n": "the Docker engine speaks version '1.29' of its API",
		"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\noops":                  "Error response from daemon: oops",
		"nonsense\r\n\r\n": "Cannot connect to the Docker daemon",
	} {
		socket := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn, err := l.Accept()
			if err == nil {
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = conn.Write([]byte(answer))
				conn.Close()
			}
		}()
		if err := engine.Dial(socket).Connect(context.Background()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", answer, err, want)
		}
		l.Close()
	}
}
