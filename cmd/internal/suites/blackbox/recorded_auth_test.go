package blackbox

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// recordedAuth returns a file of the recordings of a C++ cluster with authentication, or skips the test.
func recordedAuth(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("MESETA_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "..", "shared")
	}
	path := filepath.Join(dir, "golden", "auth", name)
	if _, err := os.Stat(path); err != nil {
		t.Skip("the recordings are not here; MESETA_SHARED tells where they are")
	}
	return path
}

// write writes a file that only its owner reads, and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// login is a principal with a password; the zero value is none.
type login struct{ principal, secret string }

// as sends a request, and returns the answer with its body.
func (p *process) as(who login, method, path, body string) (*http.Response, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.address+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if who.principal != "" {
		req.SetBasicAuth(who.principal, who.secret)
	}
	if asRecords.MatchString(body) {
		req.Header.Set("Accept", "application/recordio")
		req.Header.Set("Message-Accept", "application/json")
	}
	answer, err := once.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer, string(text)
}

// asRecords matches calls that are answered with records.
var asRecords = regexp.MustCompile(`"type": ?"(LAUNCH_NESTED_CONTAINER_SESSION|ATTACH_CONTAINER_OUTPUT)"`)

// once does not follow redirections.
var once = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// callBodies are what calls need beyond their type.
var callBodies = map[string]string{
	"GET_METRICS":       `, "get_metrics": {}`,
	"LIST_FILES":        `, "list_files": {"path": "%s"}`,
	"READ_FILE":         `, "read_file": {"path": "%s", "offset": 0, "length": 30}`,
	"SET_LOGGING_LEVEL": `, "set_logging_level": {"level": 1, "duration": {"nanoseconds": 1000000}}`,
}

// matrixRow is a request of 2-http-matrix.txt with its answers to nobody, to a wrong password and to a right one.
var matrixRow = regexp.MustCompile(`^(505[01]) (GET|POST|PUT|DELETE) (\S+)(?: ([A-Z_]+))?\s+(\d{3}.*?)\s*\| (\d{3}.*?)\s*\| (\d{3}.*?)\s*$`)

// notHere are requests that are answered otherwise, and why.
var notHere = map[string]string{
	"5050 /":              "there is no web UI",
	"5050 /app/app.js":    "there is no web UI",
	"5050 /static/nosuch": "there is no web UI",
}

// Every endpoint and call is in its realm, and answers nobody, a wrong password and a right one as recorded, under each of
// three settings.
//
// Recorded in golden/auth/2-http-matrix.txt.
func TestRealmsAsRecorded(t *testing.T) {
	t.Parallel()
	file, err := os.Open(recordedAuth(t, "2-http-matrix.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var daemons map[string]*process
	rows := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		if setting, ok := strings.CutPrefix(line, "## "); ok {
			daemons = guardedDaemons(t, strings.Fields(setting)[:2])
			continue
		}
		row := matrixRow.FindStringSubmatch(line)
		if row == nil || notHere[row[1]+" "+row[3]] != "" {
			continue
		}
		rows++
		log := map[string]string{"5050": "/master/log", "5051": "/slave/log"}[row[1]]
		body := ""
		switch {
		case row[4] != "":
			extra := callBodies[row[4]]
			if strings.Contains(extra, "%s") {
				extra = fmt.Sprintf(extra, log)
			}
			body = `{"type": "` + row[4] + `"` + extra + `}`
		case row[2] == http.MethodPut:
			body = "[]"
		}
		for i, who := range []login{{}, {"op", "nope"}, {"op", "opsecret"}} {
			answer, text := daemons[row[1]].as(who, row[2], row[3], body)
			got := strings.TrimSpace(fmt.Sprintf("%d %s", answer.StatusCode, answer.Header.Get("Www-Authenticate")))
			if got != row[5+i] {
				t.Errorf("%s %s %s %s as %q: %s, recorded %s", row[1], row[2], row[3], row[4], who, got, row[5+i])
			}
			if answer.StatusCode == http.StatusUnauthorized && text != "401 Unauthorized." {
				t.Errorf("%s %s: %q", row[2], row[3], text)
			}
		}
	}
	if rows < 300 {
		t.Errorf("only %d rows were read", rows)
	}
}

// guardedDaemons starts a master and an agent whose realms are guarded as two settings say.
func guardedDaemons(t *testing.T, settings []string) map[string]*process {
	t.Helper()
	logs := t.TempDir()
	flags := []string{
		"--log_dir=" + logs, "--" + settings[0], "--" + settings[1],
	}
	credentials := write(t, "credentials", `{"credentials": [{"principal": "op", "secret": "opsecret"}]}`)
	master := startMaster(t, "0", t.TempDir(), append([]string{
		"--credentials=" + credentials, "--authenticate_http_frameworks", "--http_framework_authenticators=basic",
	}, flags...)...)
	agent := startAgent(t, "0", master.address, t.TempDir(), append([]string{"--http_credentials=" + credentials}, flags...)...)
	agent.awaits("registered")
	return map[string]*process{"5050": master, "5051": agent}
}

// The answers to requests with odd credentials, byte for byte but for the date.
//
// Recorded in golden/auth/2-http-*.http.
func TestChallengesAsRecorded(t *testing.T) {
	t.Parallel()
	index, err := os.ReadFile(recordedAuth(t, "INDEX.txt"))
	if err != nil {
		t.Fatal(err)
	}
	credentials := write(t, "credentials", `{"credentials": [{"principal": "op", "secret": "opsecret"}, {"principal": "fw", "secret": "fwsecret"}]}`)
	flags := []string{"--authenticate_http_readonly", "--authenticate_http_readwrite"}
	master := startMaster(t, "0", t.TempDir(), append(flags, "--credentials="+credentials, "--authenticate_http_frameworks", "--http_framework_authenticators=basic")...)
	agent := startAgent(t, "0", master.address, t.TempDir(), append(flags, "--http_credentials="+credentials)...)
	agent.awaits("registered")
	line := regexp.MustCompile(`^(2-http-\S+)\.http  (GET|POST) http://127\.0\.0\.1:(505[01])(\S+)(?:  as (.*?))?(?:  body=(.*))? -> HTTP/1\.1 (\d+)`)
	seen := 0
	for text := range strings.Lines(string(index)) {
		r := line.FindStringSubmatch(strings.TrimSpace(text))
		if r == nil {
			continue
		}
		seen++
		req := httptest.NewRequest(r[2], "http://"+map[string]*process{"5050": master, "5051": agent}[r[3]].address+r[4], strings.NewReader(r[6]))
		req.RequestURI = ""
		if r[6] != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		authorize(req, r[5])
		answer, err := once.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(answer.StatusCode) != r[7] {
			t.Errorf("%s: %s, recorded %s", r[1], answer.Status, r[7])
		}
		if answer.StatusCode < 400 {
			continue
		}
		raw, err := os.ReadFile(recordedAuth(t, r[1]+".http"))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := rendered(answer, body), undated(string(raw)); got != want {
			t.Errorf("%s:\n%s\nrecorded:\n%s", r[1], got, want)
		}
	}
	if seen < 20 {
		t.Errorf("only %d answers were recorded", seen)
	}
}

// authorize sets the credentials of a request as the index describes them.
func authorize(req *http.Request, how string) {
	plain, ok := strings.CutPrefix(how, "Basic(")
	switch plain = strings.TrimSuffix(plain, ")"); {
	case how == "":
	case !ok:
		req.Header.Set("Authorization", how)
	case strings.Contains(plain, ":"):
		req.SetBasicAuth(strings.Split(plain, ":")[0], strings.Split(plain, ":")[1])
	case plain == "":
		req.Header.Set("Authorization", "Basic !!!")
	default:
		req.Header.Set("Authorization", "Basic b3A=")
	}
}

// rendered prints an answer with sorted headers and without its date.
func rendered(answer *http.Response, body []byte) string {
	lines := []string{}
	for name, values := range answer.Header {
		if name != "Date" {
			lines = append(lines, http.CanonicalHeaderKey(name)+": "+values[0])
		}
	}
	slices.Sort(lines)
	return "HTTP/1.1 " + answer.Status + "\n" + strings.Join(lines, "\n") + "\n\n" + string(body)
}

// undated prints a recorded answer likewise.
func undated(raw string) string {
	head, body, _ := strings.Cut(strings.ReplaceAll(raw, "\r\n", "\n"), "\n\n")
	lines := strings.Split(head, "\n")
	rest := []string{}
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ": ")
		if name != "Date" {
			rest = append(rest, http.CanonicalHeaderKey(name)+": "+value)
		}
	}
	slices.Sort(rest)
	return lines[0] + "\n" + strings.Join(rest, "\n") + "\n\n" + body
}

// pastRules are the requests that get past the rules of Mesos, and not past the same rules here: Mesos compares the path as it
// was sent.
var pastRules = map[string]bool{
	"/files/browse": true, "/files/browse?path=/x": true, "/metrics/snapshot/": true, "//state": true, "/state/": true,
}

// Endpoints that --firewall_rules disables are refused in the recorded words, byte for byte but for the date; others are not.
//
// Recorded in golden/auth/5-firewall-*.
func TestFirewallAsRecorded(t *testing.T) {
	t.Parallel()
	index, err := os.ReadFile(recordedAuth(t, "INDEX.txt"))
	if err != nil {
		t.Fatal(err)
	}
	rules := `--firewall_rules={"disabled_endpoints": {"paths": ["/files/browse", "/metrics/snapshot", "/state", "/slave(1)/state", "/api/v1/scheduler"]}}`
	master := startMaster(t, "0", t.TempDir(), rules)
	agent := startAgent(t, "0", master.address, t.TempDir(), rules)
	agent.awaits("registered")
	line := regexp.MustCompile(`^(5-firewall-\S+)\.http  GET http://127\.0\.0\.1:(505[01])(\S+) -> HTTP/1\.1 (\d+)`)
	seen := 0
	for text := range strings.Lines(string(index)) {
		r := line.FindStringSubmatch(text)
		if r == nil {
			continue
		}
		seen++
		answer, body := map[string]*process{"5050": master, "5051": agent}[r[2]].as(login{}, http.MethodGet, r[3], "")
		want := r[4]
		if pastRules[r[3]] {
			want = "403"
		}
		if fmt.Sprint(answer.StatusCode) != want {
			t.Errorf("%s: %s, want %s", r[1], answer.Status, want)
		}
		if r[4] != "403" {
			continue
		}
		raw, err := os.ReadFile(recordedAuth(t, r[1]+".http"))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := rendered(answer, []byte(body)), undated(string(raw)); got != want {
			t.Errorf("%s:\n%s\nrecorded:\n%s", r[1], got, want)
		}
	}
	if seen != 24 {
		t.Errorf("%d answers were recorded", seen)
	}
}
