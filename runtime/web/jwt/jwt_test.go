package jwt_test

import (
	"encoding/base64"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"meseta/runtime/web"
	"meseta/runtime/web/jwt"
)

var (
	secret = []byte("secret")
	now    = time.Unix(1_700_000_000, 0)
)

// token returns a token with these parts, signed as Sign does.
func token(header, payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(header)) + "." + encode([]byte(payload))
	return text + "." + jwt.Signature(text, secret)
}

const hs256 = `{"alg":"HS256","typ":"JWT"}`

// A token that is signed has its claims, for whoever has the secret. The example is that of jwt.io.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	claims := map[string]string{"fid": "f<1>", "eid": "e", "cid": "c"}
	got, err := jwt.Parse(jwt.Sign(claims, secret), secret, now)
	if err != nil || !maps.Equal(got, claims) {
		t.Errorf("%v, %v", got, err)
	}
	const example = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
	got, err = jwt.Parse(example, []byte("your-256-bit-secret"), now)
	if want := map[string]string{"sub": "1234567890", "name": "John Doe", "iat": "1516239022"}; err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

// What is wrong with a token is said in the words of Mesos.
func TestWrongTokens(t *testing.T) {
	t.Parallel()
	good := jwt.Sign(map[string]string{"a": "b"}, secret)
	for text, want := range map[string]string{
		"":                                          "Expected 3 components in token, got 1",
		good + ".x":                                 "Expected 3 components in token, got 4",
		"?.b.c":                                     "Failed to decode token header: Failed to base64url-decode",
		token(`[]`, `{"a":1}`):                      "Failed to decode token header: Failed to parse into JSON",
		token(`{}`, `{"a":1}`):                      "Failed to locate 'alg' in token JSON header",
		token(`{"alg":1}`, `{"a":1}`):               "Token 'alg' field is not a string",
		token(`{"alg":"none"}`, `{}`):               `Token 'alg' value "none" does not match, expected "HS256"`,
		token(`{"alg":"RS256"}`, `{}`):              `Token 'alg' value "RS256" does not match, expected "HS256"`,
		token(`{"alg":"x"}`, `{"a":1}`):             "Unsupported token algorithm: x",
		token(hs256, `null`):                        "Failed to decode token payload: Failed to parse into JSON",
		token(hs256, `{"exp":"soon"}`):              "JSON payload 'exp' field is not a number",
		token(hs256, `{"exp":1}`):                   "Token has expired: exp(1) < now(1700000000)",
		token(hs256, `{"a":1}{"b":1}`):              "Failed to parse into JSON",
		good[:len(good)-2] + "AA":                   "Token signature does not match",
		good[:strings.LastIndexByte(good, '.')+1]:   "Token signature does not match",
		good + "*":                                  "Failed to base64url-decode token signature",
		token(`{"alg":"HS256","typ":1}`, `{"a":1}`): "Token 'typ' is not a string",
		token(`{"alg":"HS256","crit":["b64"]}`, `{"a":1}`): "Token 'crit' field is unsupported",
	} {
		if claims, err := jwt.Parse(text, secret, now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want %s", text, claims, err, want)
		}
	}
	if _, err := jwt.Parse(good, []byte("another"), now); err == nil {
		t.Error("another secret will do")
	}
	if _, err := jwt.Parse(token(hs256, `{"exp":1700000000}`), secret, now); err != nil {
		t.Error(err)
	}
}

// Clients are challenged as by libprocess, and are known by claims alone.
func TestAuthenticator(t *testing.T) {
	t.Parallel()
	a := &jwt.Authenticator{Realm: "r", Secret: secret, Now: func() time.Time { return now }}
	const challenge = `Bearer realm="r"`
	invalid := func(why string) string { return challenge + `, error="invalid_token", error_description="` + why + `"` }
	for value, want := range map[string]string{
		"none":                            challenge,
		"Bearer":                          invalid("Malformed 'Authorization' header"),
		"Bearer a b":                      invalid("Malformed 'Authorization' header"),
		"Basic YTpi":                      invalid("Scheme 'Basic' unsupported"),
		"B\"\x01\\ a":                     invalid("Scheme 'B''' unsupported"),
		"Bearer a.b":                      invalid("Invalid JWT: Expected 3 components in token, got 2"),
		"Bearer " + jwt.Sign(nil, secret): invalid("Invalid JWT: Failed to decode token payload: Failed to parse into JSON: not one object"),
		"Bearer " + jwt.Sign(map[string]string{}, secret):           invalid("JWT claims missing"),
		"Bearer " + jwt.Sign(map[string]string{"fid": "f"}, secret): "",
	} {
		req := &web.Request{Header: http.Header{"Authorization": {value}}}
		if value == "none" {
			req.Header = http.Header{}
		}
		who, done, err := a.Authenticate(req).Peek()
		switch {
		case !done || err != nil:
			t.Errorf("%s: %v, %v", value, done, err)
		case want == "" && (who.Principal == nil || who.Principal.Name != "" || who.Principal.Claims["fid"] != "f"):
			t.Errorf("%s: %+v", value, who)
		case want != "" && (who.Refusal == nil || who.Refusal.Status != 401 || who.Refusal.Header.Get("WWW-Authenticate") != want):
			t.Errorf("%s: %+v, want %s", value, who.Refusal, want)
		}
	}
}

// No token without the secret is accepted, and nothing panics.
func FuzzParse(f *testing.F) {
	f.Add("")
	f.Add(jwt.Sign(map[string]string{"a": "b"}, []byte("another")))
	f.Add(token(`{"alg":"none"}`, `{}`))
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, text string) {
		if claims, err := jwt.Parse(text, []byte("a secret of 32 bytes, more or so"), now); err == nil {
			t.Errorf("%q: %v", text, claims)
		}
	})
}
