package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The client authenticates with a file, variables or the configuration, in this order.
func TestLogin(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, config := filepath.Join(dir, "credential"), filepath.Join(dir, "config.toml")
	for path, text := range map[string]string{
		file: "fred s3cret", config: "[master]\nprincipal = \"carl\"\nsecret = \"c\"\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	heard := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		principal, secret, _ := r.BasicAuth()
		heard <- principal + ":" + secret
		w.WriteHeader(http.StatusUnauthorized)
		w.Write([]byte("401 Unauthorized.")) //nolint:errcheck // as masters say it
	}))
	defer server.Close()
	for want, c := range map[string]struct {
		flag string
		env  map[string]string
	}{
		"fred:s3cret": {file, map[string]string{"MESOS_PRINCIPAL": "v", "MESOS_SECRET": "v"}},
		"v:w":         {"", map[string]string{"MESOS_PRINCIPAL": "v", "MESOS_SECRET": "w", "MESOS_CLI_CONFIG": config}},
		"carl:c":      {"", map[string]string{"MESOS_CLI_CONFIG": config}},
		":":           {"", nil},
	} {
		s := &session{env: func(name string) string { return c.env[name] }, master: server.URL, credential: c.flag}
		if c.env == nil {
			s.env = func(name string) string { return map[string]string{"HOME": dir}[name] }
		}
		if _, err := s.connect(t.Context()); err == nil || !strings.HasSuffix(err.Error(), ": 401 Unauthorized; "+whoYouAre) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", want, err)
		}
		if got := <-heard; got != want {
			t.Errorf("authenticated as %s, want %s", got, want)
		}
	}
	s := &session{env: func(string) string { return "" }, master: server.URL, credential: "/nosuch"}
	if _, err := s.connect(t.Context()); err == nil || !strings.Contains(err.Error(), "Failed to read credential file '/nosuch'") {
		t.Error(err)
	}
}

// Where TLS is on, masters are reached by https, and verified if that is asked for.
func TestEncryption(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	server.Config.ErrorLog = nil
	defer server.Close()
	for _, c := range []struct {
		verify string
		want   string
	}{{"", "418"}, {"1", "certificate"}} {
		s := &session{master: strings.TrimPrefix(server.URL, "https://"), env: func(name string) string {
			return map[string]string{"HOME": t.TempDir(), "LIBPROCESS_SSL_ENABLED": "1", "LIBPROCESS_SSL_VERIFY_SERVER_CERT": c.verify}[name]
		}}
		if _, err := s.connect(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("verify=%q: %v, want %s", c.verify, err, c.want)
		}
	}
}
