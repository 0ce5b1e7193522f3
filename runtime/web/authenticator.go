package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"meseta/runtime"
)

// BasicAuthenticator asks for one of some names with its password (libprocess: BasicAuthenticator).
type BasicAuthenticator struct {
	Realm     string
	Passwords map[string]string // by name; not to be changed
}

// Scheme implements [Authenticator].
func (*BasicAuthenticator) Scheme() string { return "Basic" }

// Authenticate implements [Authenticator].
func (b *BasicAuthenticator) Authenticate(req *Request) runtime.Future[Authentication] {
	name, password, ok := credentials(req.Header.Get("Authorization"))
	known, exists := b.Passwords[name]
	if right := same(known, password); !ok || !exists || !right {
		return runtime.Ready(Authentication{Refusal: Unauthorized(`Basic realm="` + b.Realm + `"`)})
	}
	return runtime.Ready(Authentication{Principal: &Principal{Name: name}})
}

// same compares two secrets in a time that does not tell what they have in common, nor how long the known one is.
func same(known, given string) bool {
	x, y := sha256.Sum256([]byte(known)), sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// credentials reads the value of an Authorization header.
func credentials(value string) (name, password string, ok bool) {
	encoded, ok := strings.CutPrefix(value, "Basic ")
	if !ok {
		return "", "", false
	}
	plain, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(plain), ":")
}

// Authenticators asks several in turn. The first that knows the client decides; if none does, the client is told what
// each of them wants. Mesos: CombinedAuthenticator.
type Authenticators []Authenticator

// Scheme implements [Authenticator].
func (as Authenticators) Scheme() string {
	schemes := make([]string, len(as))
	for i, a := range as {
		schemes[i] = a.Scheme()
	}
	return strings.Join(schemes, " ")
}

// Authenticate implements [Authenticator].
func (as Authenticators) Authenticate(req *Request) runtime.Future[Authentication] {
	return as.ask(req, &refusals{})
}

// ask asks the first, and unless it knows the client the others.
func (as Authenticators) ask(req *Request, so *refusals) runtime.Future[Authentication] {
	if len(as) == 0 {
		return so.combined()
	}
	p := runtime.NewPromise[Authentication]()
	first := as[0].Authenticate(req)
	p.OnDiscard(first.Discard)
	first.OnAny(func(who Authentication, err error) {
		if err == nil && who.Principal != nil {
			p.Set(who)
			return
		}
		so.add(as[0].Scheme(), who.Refusal, err)
		rest := as[1:].ask(req, so)
		p.OnDiscard(rest.Discard)
		rest.OnAny(func(who Authentication, err error) {
			if err != nil {
				p.Fail(err)
				return
			}
			p.Set(who)
		})
	})
	return p.Future()
}

// refusals is what several authenticators said to the same request.
type refusals struct{ challenges, unauthorized, forbidden, failures []string }

func (s *refusals) add(scheme string, r *Response, err error) {
	said := func(what string) string { return `"` + scheme + "\" authenticator returned:\n" + what }
	switch {
	case err != nil:
		s.failures = append(s.failures, said(err.Error()))
	case r == nil:
	case r.Status == http.StatusUnauthorized:
		s.challenges = append(s.challenges, r.Header.Values("WWW-Authenticate")...)
		s.unauthorized = append(s.unauthorized, said(string(r.Body)))
	default:
		s.forbidden = append(s.forbidden, said(string(r.Body)))
	}
}

func (s *refusals) combined() runtime.Future[Authentication] {
	text := func(all []string) []byte { return []byte(strings.Join(all, "\n\n")) }
	switch {
	case len(s.unauthorized) > 0:
		r := Unauthorized(strings.Join(s.challenges, ","))
		r.Body = text(s.unauthorized)
		return runtime.Ready(Authentication{Refusal: r})
	case len(s.forbidden) > 0:
		return runtime.Ready(Authentication{Refusal: Forbidden(string(text(s.forbidden)))})
	case len(s.failures) > 0:
		return runtime.Failed[Authentication](errors.New(string(text(s.failures))))
	}
	return runtime.Ready(Authentication{})
}
