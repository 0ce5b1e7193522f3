package version_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"meseta/actors/version"
	"meseta/runtime/runtimetest"
	"meseta/runtime/web"
)

func TestVersion(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		build version.Build
		want  string
	}{
		"all is known": {
			version.Build{Version: "1.12.0", Date: "2026-11-21 03:37:04 UTC", Time: 1795232224, User: `a"b`, GitSHA: "c0ffee", GitTag: "v1"},
			`{"build_date":"2026-11-21 03:37:04 UTC","build_time":1795232224.0,"build_user":"a\"b","git_sha":"c0ffee","git_tag":"v1","version":"1.12.0"}`,
		},
		"no repository": {
			version.Build{Version: "1.12.0", Date: "today", Time: 0.5},
			`{"build_date":"today","build_time":0.5,"build_user":"","version":"1.12.0"}`,
		},
	} {
		n := runtimetest.Node(t)
		if err := version.Spawn(n, c.build); err != nil {
			t.Fatal(err)
		}
		r, err := runtimetest.Wait(t, web.Serve(n, &web.Request{
			Method: http.MethodGet, URL: &url.URL{Path: "/version"}, Header: http.Header{}, Body: strings.NewReader(""),
		}))
		if err != nil || r.Status != http.StatusOK || r.Header.Get("Content-Type") != "application/json" || string(r.Body) != c.want {
			t.Errorf("%s: %v, %v\n%s", name, r, err, r.Bytes())
		}
	}
}
