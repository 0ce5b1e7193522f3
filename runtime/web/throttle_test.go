package web_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"meseta/runtime/web"
)

// An address that guesses is refused for a while, others are not, and neither is it when it has waited. The log has one
// line, without what was guessed.
func TestThrottle(t *testing.T) {
	t.Parallel()
	var printed bytes.Buffer
	log, now := zerolog.New(&printed), time.Unix(1000, 0)
	guarded := &web.Throttle{
		Authenticator: &web.BasicAuthenticator{Realm: "r", Passwords: map[string]string{"ann": "s3cret"}},
		Now:           func() time.Time { return now }, Log: &log,
	}
	ask := func(client, login string) int {
		req := request("/", "Basic "+base64.StdEncoding.EncodeToString([]byte(login)))
		req.Client = client
		if login == "" {
			req.Header = http.Header{}
		}
		who, done, err := guarded.Authenticate(req).Peek()
		switch {
		case !done || err != nil:
			t.Fatal(done, err)
		case who.Refusal != nil:
			return who.Refusal.Status
		}
		return http.StatusOK
	}
	for i := range 100 {
		if got := ask("10.0.0.1:1", "ann:guess"); got != http.StatusUnauthorized {
			t.Fatalf("guess %d: %d", i, got)
		}
	}
	for _, c := range []struct {
		client, login string
		want          int
	}{
		{"10.0.0.1:2", "ann:guess", 429}, {"10.0.0.1:3", "ann:s3cret", 429}, {"10.0.0.1:4", "", 401},
		{"10.0.0.2:1", "ann:s3cret", 200}, {"10.0.0.2:1", "ann:guess", 401},
	} {
		if got := ask(c.client, c.login); got != c.want {
			t.Errorf("%s as %q: %d, want %d", c.client, c.login, got, c.want)
		}
	}
	now = now.Add(200 * time.Millisecond)
	if first, second, third := ask("10.0.0.1:1", "ann:guess"), ask("10.0.0.1:1", "x:y"), ask("10.0.0.1:1", "x:y"); first != 401 || second != 401 || third != 429 {
		t.Errorf("after a while: %d, %d, %d", first, second, third)
	}
	now = now.Add(time.Minute)
	if got := ask("10.0.0.1:1", "ann:s3cret"); got != 200 {
		t.Errorf("after a minute: %d", got)
	}
	for range 100 { // at a domain socket, a client is a process of a user
		ask("uid 7:1", "ann:guess")
	}
	for client, want := range map[string]int{"uid 7:1": 429, "uid 7:2": 429, "uid 8:1": 200} {
		if got := ask(client, "ann:s3cret"); got != want {
			t.Errorf("%s: %d, want %d", client, got, want)
		}
	}
	if lines := strings.Count(printed.String(), "\n"); lines != 3 || strings.Contains(printed.String(), "guess\"") || strings.Contains(printed.String(), "s3cret") {
		t.Errorf("%d lines for two addresses and a user:\n%s", lines, &printed)
	}
}
