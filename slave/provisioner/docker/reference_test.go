package docker

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
)

func TestReference(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Reference{
		"busybox":                {Repository: "busybox"},
		"busybox:1":              {Repository: "busybox", Tag: "1"},
		"a/b:1":                  {Repository: "a/b", Tag: "1"},
		"registry.example.com/a": {Registry: "registry.example.com", Repository: "a"},
		"host:5000/a":            {Registry: "host:5000", Repository: "a"},
		"host:5000/a/b:1":        {Registry: "host:5000", Repository: "a/b", Tag: "1"},
		"localhost/a":            {Registry: "localhost", Repository: "a"},
		"a@sha256:1":             {Repository: "a", Digest: "sha256:1"},
		"host:5000/a@sha256:1":   {Registry: "host:5000", Repository: "a", Digest: "sha256:1"},
	} {
		got, err := ParseReference(text)
		if err != nil || got != want || got.String() != text || referenceOf(got.proto()) != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	if got, err := ParseReference("a:1@sha256:1"); err != nil || got != (Reference{Repository: "a", Tag: "1", Digest: "sha256:1"}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"", ":1", "@", "../a", "a/../b", "/a", "a/", "a//b", "a/.", "a@b@c", "h.x/..", `a\b`, "a:.."} {
		if got, err := ParseReference(text); err == nil && text != "a:.." {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	p, err := newRegistry("https://registry-1.docker.io", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"busybox":            "https registry-1.docker.io library/busybox",
		"a/b":                "https registry-1.docker.io a/b",
		"docker.io/busybox":  "https docker.io library/busybox",
		"mydocker.io/a":      "https mydocker.io a",
		"docker.io.x.com/a":  "https docker.io.x.com a",
		"quay.example.com/a": "https quay.example.com a",
		"localhost:5000/a":   "http localhost:5000 a",
		"127.0.0.1:5000/a":   "http 127.0.0.1:5000 a",
		"10.0.0.1:5000/a":    "https 10.0.0.1:5000 a",
		"host:80/a":          "http host:80 a",
		"host:443/a":         "https host:443 a",
	} {
		r, err := ParseReference(text)
		if err != nil {
			t.Fatal(err)
		}
		scheme, host, repository, err := p.place(r)
		if got := scheme + " " + host + " " + repository; err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
		if _, err := address(scheme, host, repository, r); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, address := range []string{"registry-1.docker.io", "ftp://x", "https://", "http://[", ""} {
		if _, err := newRegistry(address, nil, nil); err == nil || !strings.HasPrefix(err.Error(), "Failed to parse the default Docker registry") {
			t.Errorf("%q: %v", address, err)
		}
	}
	if err := (Options{Registry: "hdfs://x/y"}).Check(); err == nil || !strings.Contains(err.Error(), "HDFS") {
		t.Errorf("HDFS: %v", err)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	const pair = `"auth": "dTpwOnE="` // u:p:q
	up := authn.AuthConfig{Username: "u", Password: "p:q"}
	for text, want := range map[string]Config{
		`{"auths": {"host:5000": {` + pair + `, "email": "e"}}}`:     {"host:5000": up},
		`{"https://index.docker.io/v1/": {` + pair + `}}`:            {"https://index.docker.io/v1/": up},
		`{"auths": {"h": {"username": "u", "password": "p:q"}}}`:     {"h": up},
		`{"auths": {"h": {"identitytoken": "t"}}, "HttpHeaders": 1}`: {"h": {IdentityToken: "t"}},
		`{"auths": {}}`: {},
		`{}`:            {},
	} {
		got, err := ParseConfig([]byte(text))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, %s", text, err, diff)
		}
	}
	for text, want := range map[string]string{
		`[]`: "no JSON object", `{"auths": 1}`: "'auths'", `{"h": "secret"}`: "Invalid JSON object for 'h'",
		`{"auths": {"h": {"auth": "secret!"}}}`: "not the base64", `{"auths": {"h": {"auth": "c2VjcmV0"}}}`: "a colon",
		`{"auths": {"h": {"auth": 1}}}`: "another form", `{"auths": {}, "credsStore": "secretservice"}`: "'credsStore' is not supported",
		`{"credHelpers": {"h": "x"}}`: "'credHelpers' is not supported", `{"auths": {"h": null}}`: "Invalid JSON object for 'h'",
	} {
		if _, err := ParseConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// Nobody gets the password of somebody else.
func TestAuthenticator(t *testing.T) {
	t.Parallel()
	c := Config{"https://index.docker.io/v1/": {Username: "hub"}, "host:5000": {Username: "host"}, "http://x.com/y": {Username: "x"}}
	for host, want := range map[string]string{
		"registry-1.docker.io": "hub", "docker.io": "hub", "host:5000": "host", "x.com": "x",
		"host": "", "host:5001": "", "docker.io.evil.com": "", "evildocker.io": "", "y.x.com": "",
	} {
		got, err := c.authenticator(host).Authorization()
		if err != nil || got.Username != want {
			t.Errorf("%s: %v, %v", host, got, err)
		}
	}
}

func TestManifest(t *testing.T) {
	t.Parallel()
	m, err := parseManifest([]byte(`{"id": "1", "config": {"User": "", "Env": null, "Labels": {"a": "b"}, "Entrypoint": ["/e"]}, "Size": 99999999999, "os": "linux", "rootfs": {}}`))
	if err != nil || m.GetId() != "1" || m.GetConfig().User == nil || m.GetConfig().WorkingDir != nil || m.GetConfig().GetLabels()["a"] != "b" ||
		m.GetConfig().GetEntrypoint()[0] != "/e" || m.ContainerConfig != nil {
		t.Errorf("%v, %v", m, err)
	}
	if m, err := parseManifest([]byte(`{}`)); err != nil || m.Config == nil {
		t.Errorf("without a configuration: %v, %v", m, err)
	}
	for _, text := range []string{"", "[]", `{"config": {"Cmd": "x"}}`, "{"} {
		if m, err := parseManifest([]byte(text)); err == nil {
			t.Errorf("%s: %v", text, m)
		}
	}
}
