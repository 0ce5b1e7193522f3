package jwt_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"meseta/runtime/web"
	"meseta/runtime/web/jwt"
)

// challenges matches what asks for a password or a token: all that comes from the client is in a quoted string.
var challenges = regexp.MustCompile(`^Basic realm="r",Bearer realm="r"(, error="invalid_token", error_description="[ !#-\[\]-~]*")?$`)

// No header without the password or a token that was signed is believed, and each is answered by a challenge that is well-formed,
// whatever is in it.
func FuzzAuthorization(f *testing.F) {
	for _, value := range []string{
		"", "Basic", "Basic !!!", "basic YW5uOnMzY3JldA==", "Basic YW5uOg==", "Bearer", "Bearer a.b.c", "Bearer " + jwt.Sign(map[string]string{"a": "b"}, []byte("another")),
		"Bearer " + token(`{"alg":"none"}`, `{}`), "\"\\\r\n x", "Negotiate =",
	} {
		f.Add(value)
	}
	known := web.Authenticators{
		&web.BasicAuthenticator{Realm: "r", Passwords: map[string]string{"ann": "a password of 32 letters, more or so"}},
		&jwt.Authenticator{Realm: "r", Secret: []byte("a secret of 32 bytes, more or so"), Now: now.UTC},
	}
	f.Fuzz(func(t *testing.T, value string) {
		who, done, err := known.Authenticate(&web.Request{Header: http.Header{"Authorization": {value}}}).Peek()
		if !done || err != nil || who.Principal != nil || who.Refusal == nil {
			t.Fatalf("%q: %v, %v, %+v", value, done, err, who)
		}
		if all := who.Refusal.Header.Values("WWW-Authenticate"); !challenges.MatchString(strings.Join(all, "\n")) {
			t.Errorf("%q is answered by the challenge %q", value, all)
		}
	})
}
