package daemon

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"meseta/cmd/internal/flags"
	"meseta/runtime/runtimetest"
	"meseta/runtime/web"
)

// bindMaster returns the options of a master with these flags.
func bindMaster(args ...string) (*Options, error) {
	set := flags.New("mesos-master", "")
	o := Bind(set)
	o.BindAccess(set, "master", "credentials")
	o.BindSchedulers(set)
	_, err := set.Parse(append(args, "--ip=127.0.0.1", "--port=0", "--no-hostname_lookup"), nil)
	return o, err
}

// bindAgent returns the options of an agent with these flags.
func bindAgent(args ...string) (*Options, error) {
	set := flags.New("mesos-agent", "")
	o := Bind(set)
	o.BindAccess(set, "agent", "http_credentials")
	o.BindExecutors(set)
	set.Bind("work_dir", new(string))
	set.Bind("master", new(string))
	_, err := set.Parse(append(args, "--ip=127.0.0.1", "--port=0", "--no-hostname_lookup", "--work_dir=/nowhere", "--master=127.0.0.1:1"), nil)
	return o, err
}

func secretFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Flags that contradict each other are refused in Mesos's words.
//
// Recorded in golden/auth/2-http-start-refusals.txt.
func TestAccessFlagsThatCannotWork(t *testing.T) {
	t.Parallel()
	secrets := "--credentials=" + secretFile(t, "ann s3cret")
	for _, c := range []struct {
		want string
		args []string
	}{
		{"", []string{secrets, "--authenticate_http_readonly", "--authenticate_http_readwrite"}},
		{"", []string{secrets, "--authenticate_http_frameworks", "--http_framework_authenticators=basic"}},
		{"", []string{secrets, "--authenticate_http_readonly", "--http_authenticators=basic,basic"}},
		{"", []string{"--acls={\"permissive\": false, \"unknown\": 1}", "--authorizers=local"}},
		{"Failed to create HTTP authenticator module 'basic': No credentials provided for the default 'basic' HTTP authenticator for realm 'mesos-master-readonly'", []string{"--authenticate_http_readonly"}},
		{"Failed to create HTTP authenticator module 'nosuch': HTTP authenticator 'nosuch' not found. Check the spelling (compare to 'basic')", []string{secrets, "--authenticate_http_readwrite", "--http_authenticators=nosuch"}},
		{"Missing `--http_framework_authenticators` flag. This must be used in conjunction with `--authenticate_http_frameworks`", []string{secrets, "--authenticate_http_frameworks"}},
		{"Failed to read credentials file '/nosuch': no such file or directory", []string{"--credentials=/nosuch"}},
		{"Could not create 'nosuch' authorizer", []string{"--authorizers=nosuch"}},
		{"acls", []string{"--acls={"}},
		{"ACL.ViewFlags type must be either NONE or ANY", []string{`--acls={"view_flags": [{"principals": {"type": "ANY"}, "flags": {"values": ["x"]}}]}`}},
	} {
		_, err := bindMaster(c.args...)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %v\nwant %s", c.args, err, c.want)
		}
	}
}

// The realms that everybody may use are named at the start, in one warning, and none if there are none.
func TestOpenRealmsAreTold(t *testing.T) {
	t.Parallel()
	secrets := "ann s3cret"
	reads, writes := "--authenticate_http_readonly", "--authenticate_http_readwrite"
	schedulers := []string{"--authenticate_http_frameworks", "--http_framework_authenticators=basic"}
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "mesos-master-readonly, mesos-master-readwrite, mesos-master-scheduler,"},
		{[]string{reads, writes}, "the realms mesos-master-scheduler,"},
		{append(schedulers, writes), "the realms mesos-master-readonly,"},
		{append(schedulers, reads, writes), ""},
	} {
		o, err := bindMaster(append(c.args, "--credentials="+secretFile(t, secrets))...)
		if err != nil {
			t.Fatal(err)
		}
		told := &strings.Builder{}
		o.Access.guard(&Daemon{Node: runtimetest.Node(t), Log: zerolog.New(told)})
		if c.want == "" && told.Len() > 0 || !strings.Contains(told.String(), c.want) || strings.Count(told.String(), "\n") > 1 {
			t.Errorf("%q: told %s, want %q", c.args, told, c.want)
		}
	}
}

// Flags of an agent that contradict each other are refused as well. Its executors have tokens.
func TestExecutorFlagsThatCannotWork(t *testing.T) {
	t.Parallel()
	key, secrets := "--jwt_secret_key="+secretFile(t, "key"), "--http_credentials="+secretFile(t, "ann s3cret")
	for _, c := range []struct {
		want string
		args []string
	}{
		{"", []string{key}},
		{"", []string{key, "--authenticate_http_executors"}},
		{"", []string{key, "--authenticate_http_readwrite", "--http_authenticators=jwt"}},
		{"", []string{key, secrets, "--authenticate_http_readwrite", "--http_authenticators=basic,jwt"}},
		{"No secret key provided for the default 'jwt' HTTP authenticator for realm 'mesos-agent-executor'", []string{"--authenticate_http_executors"}},
		{"No secret key provided for the default 'jwt' HTTP authenticator for realm 'mesos-agent-readonly'", []string{secrets, "--authenticate_http_readonly", "--http_authenticators=jwt"}},
		{"No credentials provided for the default 'basic' HTTP authenticator for realm 'mesos-agent-readwrite'", []string{key, "--authenticate_http_executors", "--authenticate_http_readwrite"}},
		{"Failed to read the file '/nosuch': no such file or directory", []string{"--jwt_secret_key=/nosuch"}},
		{"is empty", []string{"--jwt_secret_key=" + secretFile(t, "")}},
		{"firewall_rules", []string{"--firewall_rules={"}},
		{`"state" does not begin with a slash`, []string{`--firewall_rules={"disabled_endpoints": {"paths": ["state"]}}`}},
	} {
		_, err := bindAgent(c.args...)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %v\nwant %s", c.args, err, c.want)
		}
	}
}

// Where executors must be authenticated, they are kept to their own containers even without --acls.
func TestExecutorsAreAuthorized(t *testing.T) {
	t.Parallel()
	key := "--jwt_secret_key=" + secretFile(t, "key")
	for _, c := range []struct {
		args []string
		want bool
	}{{[]string{key}, false}, {[]string{key, "--authenticate_http_executors"}, true}} {
		o, err := bindAgent(c.args...)
		if err != nil || (o.Access.Authorizer != nil) != c.want || string(o.Access.ExecutorKey()) != "key" {
			t.Errorf("%q: %v, %v", c.args, o.Access.Authorizer, err)
		}
	}
}

// Operators prove who they are in the realms that the flags name, and see what the lists allow.
func TestAccessToADaemon(t *testing.T) {
	t.Parallel()
	o, err := bindMaster("--credentials="+secretFile(t, "ann s3cret\nbob s3cret"), "--authenticate_http_readonly",
		`--firewall_rules={"disabled_endpoints": {"paths": ["/system/stats.json"]}}`, `--acls={"get_endpoints": [{"principals": {"values": ["bob"]}, "paths": {"type": "NONE"}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.ErrorLevel)}
	if err := d.open(o, "master"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.close(); err != nil {
			t.Error(err)
		}
	})
	get := func(path, login string) *web.Response {
		req := &web.Request{Method: http.MethodGet, URL: &url.URL{Path: path}, Header: http.Header{}, Body: strings.NewReader("")}
		if login != "" {
			req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(login)))
		}
		r, err := runtimetest.Wait(t, web.Serve(d.Node, req))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, c := range []struct {
		path, login string
		want        int
	}{
		{"/metrics/snapshot", "", 401},
		{"/metrics/snapshot", "ann:wrong", 401},
		{"/metrics/snapshot", "eve:s3cret", 401},
		{"/metrics/snapshot", "ann:s3cret", 200},
		{"/metrics/snapshot", "bob:s3cret", 403},
		{"/files/debug", "bob:s3cret", 403},
		{"/files/debug", "ann:s3cret", 200},
		{"/version", "", 200},
		{"/logging/toggle", "", 200},    // of the other realm
		{"/system/stats.json", "", 403}, // by the firewall
	} {
		r := get(c.path, c.login)
		if r.Status != c.want {
			t.Errorf("%s as %q: %d, want %d", c.path, c.login, r.Status, c.want)
		}
		if challenge := r.Header.Get("WWW-Authenticate"); c.want == 401 && challenge != `Basic realm="mesos-master-readonly"` {
			t.Errorf("%s as %q: challenged by %q", c.path, c.login, challenge)
		}
	}
}
