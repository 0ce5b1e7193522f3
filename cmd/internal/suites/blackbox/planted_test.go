package blackbox

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
)

// showsURIs are what shows executors with the URIs of their commands, as in Mesos.
var showsURIs = map[string]bool{"GET /state": true, "GET /frameworks": true, "call GET_STATE": true, "call GET_EXECUTORS": true}

// What is secret is nowhere to be seen: not in what endpoints and calls show to those who may see everything, nor in traces, logs,
// files, or the arguments and variables of the daemons.
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
	work, _, _ := strings.Cut(g.places.Replace("{sandbox}"), "/slaves/")
	if found := whoShows(t, hidden, work, "", g.master, g.agent); len(found) > 0 {
		t.Errorf("secrets are in %q", found)
	}
}
