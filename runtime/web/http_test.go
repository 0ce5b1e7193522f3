package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"meseta/runtime/web"
)

// What traces call a request says nothing that lets others in.
func TestRequestsAreCalledWithoutSecrets(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string]string{
		"/master/state":                                      "GET /master/state",
		"/files/read?path=/a%20b&offset=0":                   "GET /files/read?path=/a%20b&offset=0",
		"http://user:password@host/state?x":                  "GET http://host/state?x",
		"/state?jsonp=f&access_token=abc&x=1":                "GET /state?jsonp=f&access_token=…&x=1",
		"/state?Authorization=Bearer+abc;password":           "GET /state?Authorization=…&password",
		"/state?t%6Fken=abc&%zz=abc":                         "GET /state?t%6Fken=…&%zz=…",
		"/state?" + strings.Repeat("x", 1<<20):               "GET /state?" + strings.Repeat("x", 1<<10) + "…",
		"/state?token=" + strings.Repeat("x", 1<<20):         "GET /state?token=…",
		"/state?" + strings.Repeat("x", 1<<10-2) + "token=1": "GET /state?" + strings.Repeat("x", 1<<10-2) + "to…",
	} {
		u, err := url.Parse(asked)
		if err != nil {
			t.Fatal(err)
		}
		before := u.String()
		if got := (&web.Request{Method: http.MethodGet, URL: u}).String(); got != want || u.String() != before {
			t.Errorf("GET %s is called %q, want %q; the URL is %s", asked, got, want, u)
		}
	}
}
