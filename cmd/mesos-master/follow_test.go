package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"meseta/messages/pb/registrypb"
	"meseta/runtime/web/webtest"
)

// readFrom reads the registry of a server that answers as given.
func readFrom(t *testing.T, answer http.HandlerFunc, secrets map[string]string) (*registrypb.Registry, error) {
	t.Helper()
	server := httptest.NewServer(answer)
	defer server.Close()
	return newRegistryReader(secrets, nil).read(t.Context(), strings.TrimPrefix(server.URL, "http://"))
}

// What a leader shows is its registry, unless there is no master in it, or it is none at all.
func TestTheRegistryOfALeaderIsRead(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]struct {
		weights int // of roles in the registry; -1: there is none
		err     string
	}{
		`{"master":{"info":{"id":"m","ip":1,"port":5050}},"weights":[{"info":{"role":"a","weight":2.5}}]}`: {weights: 1},
		`{"master":{"info":{"id":"m","ip":1,"port":5050}}}`:                                                {},
		`{}`:                     {weights: -1},
		`{"weights":[`:           {weights: -1, err: "the JSON of the registry: "},
		`{"weights":7}`:          {weights: -1, err: "the JSON of the registry: "},
		``:                       {weights: -1, err: "the JSON of the registry: "},
		`<html>a proxy's</html>`: {weights: -1, err: "the JSON of the registry: "},
	} {
		registry, err := readFrom(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.URL.Path != "/registrar(1)/registry" {
				http.NotFound(w, r)
			}
			fmt.Fprint(w, answer) //nolint:errcheck // the reader finds out
		}, nil)
		weights := -1
		if registry != nil {
			weights = len(registry.GetWeights())
		}
		if weights != want.weights || (err == nil) != (want.err == "") || err != nil && !strings.HasPrefix(err.Error(), want.err) {
			t.Errorf("%s: %v, %v", answer, registry, err)
		}
	}
}

// What refuses to show a registry, or points elsewhere, says so: who leads is decided in ZooKeeper, and nobody else is asked or told
// a secret.
func TestRefusalsToShowTheRegistryAreErrors(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{
		http.StatusUnauthorized:       "401 Unauthorized: --leader_credential says who may read it",
		http.StatusForbidden:          "403 Forbidden",
		http.StatusNotFound:           "404 Not Found",
		http.StatusServiceUnavailable: "503 Service Unavailable",
		http.StatusTemporaryRedirect:  "307 Temporary Redirect",
	} {
		asked := 0
		registry, err := readFrom(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		}, nil)
		if err == nil || err.Error() != want || registry != nil || asked != 1 {
			t.Errorf("%d: %v, %v after %d requests, want %s", status, registry, err, asked, want)
		}
	}
}

func TestReadersOfRegistriesAuthenticate(t *testing.T) {
	t.Parallel()
	said := ""
	answer := func(_ http.ResponseWriter, r *http.Request) {
		principal, secret, ok := r.BasicAuth()
		said = fmt.Sprint(principal, " ", secret, " ", ok)
	}
	for want, secrets := range map[string]map[string]string{"ann s3cret true": {"ann": "s3cret"}, "  false": nil} {
		if _, err := readFrom(t, answer, secrets); err == nil || said != want {
			t.Errorf("%v, %q; want %q", err, said, want)
		}
	}
}

// A leader that is traced knows who read its registry, and why.
func TestReadingsOfRegistriesNameTheirCause(t *testing.T) {
	t.Parallel()
	r := newRegistryReader(nil, nil)
	webtest.CheckCauses(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }, //nolint:errcheck // as above
		func(ctx context.Context, url string) error {
			_, err := r.read(ctx, strings.TrimPrefix(url, "http://"))
			return err
		})
}
