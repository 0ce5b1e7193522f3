package fetcher_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"meseta/slave/fetcher"
)

// An object comes from the store that the environment names, by a signed request, and goes through the cache.
func TestStore(t *testing.T) {
	t.Parallel()
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked[r.Method]++
		if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=me/") || r.Header.Get("X-Amz-Security-Token") != "token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if r.URL.Path != "/bucket/d/f" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("ETag", `"1"`)
		_, _ = w.Write([]byte("object"))
	}))
	defer server.Close()
	l := newLarder(t, 100)
	env := []string{"AWS_ENDPOINT_URL=" + server.URL, "AWS_ACCESS_KEY_ID=me", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token"}
	o := fetcher.Options{Clock: stopwatch{}, Environment: env, HadoopHome: "/no/such/home", Cache: l.Cache, Warn: func(err error) { t.Error(err) }}
	for range 2 {
		k := kitchen{sandbox: t.TempDir()}
		if err := k.fetchWith(t.Context(), o, uri("s3://bucket/d/f", cachedURI)); err != nil {
			t.Fatal(err)
		}
		k.holds(t, "f", "object")
	}
	if asked["GET"] != 1 || asked["HEAD"] != 1 {
		t.Errorf("the store was asked for %v", asked)
	}
	k := kitchen{sandbox: t.TempDir()}
	if err := k.fetchWith(t.Context(), o, uri("s3://bucket/g")); err == nil || !strings.Contains(err.Error(), "HTTP return code 404") {
		t.Errorf("fetching what is not there: %v", err)
	}
	o.Environment = env[:1]
	if err := k.fetchWith(t.Context(), o, uri("s3://bucket/d/f")); err == nil || !strings.Contains(err.Error(), "HTTP return code 403") {
		t.Errorf("fetching a file that not everybody may read: %v", err)
	}
}
