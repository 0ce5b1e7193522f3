package jwt

import (
	"strings"
	"time"

	"meseta/runtime"
	"meseta/runtime/web"
)

// Authenticator accepts requests with a token that was signed with a secret. The principal has the claims of the token
// and no name.
//
// Mesos: JWTAuthenticator.
type Authenticator struct {
	Realm  string
	Secret []byte           // must not change
	Now    func() time.Time // called on any goroutine
}

// Scheme implements [web.Authenticator].
func (*Authenticator) Scheme() string { return "Bearer" }

// Authenticate implements [web.Authenticator].
func (a *Authenticator) Authenticate(req *web.Request) runtime.Future[web.Authentication] {
	value, given := req.Header["Authorization"]
	if !given {
		return a.refuse("")
	}
	scheme, token, ok := strings.Cut(value[0], " ")
	switch {
	case !ok || strings.Contains(token, " "):
		return a.refuse("Malformed 'Authorization' header")
	case scheme != "Bearer":
		return a.refuse("Scheme '" + quotable(scheme) + "' unsupported")
	}
	claims, err := Parse(token, a.Secret, a.Now())
	switch {
	case err != nil:
		return a.refuse("Invalid JWT: " + quotable(err.Error()))
	case len(claims) == 0:
		return a.refuse("JWT claims missing")
	}
	return runtime.Ready(web.Authentication{Principal: &web.Principal{Claims: claims}})
}

// refuse challenges the client, with the reason why its token is not accepted if it has sent one.
func (a *Authenticator) refuse(why string) runtime.Future[web.Authentication] {
	challenge := `Bearer realm="` + a.Realm + `"`
	if why != "" {
		challenge += `, error="invalid_token", error_description="` + why + `"`
	}
	return runtime.Ready(web.Authentication{Refusal: web.Unauthorized(challenge)})
}

// quotable returns text that cannot end the quoted string of a header, which comes from the client in part.
//
// Differs: Mesos writes it as it is.
func quotable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '"' || r == '\\' {
			return '\''
		}
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
}
