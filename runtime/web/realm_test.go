package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"meseta/runtime"
	"meseta/runtime/sim"
	"meseta/runtime/web"
)

// vault has one route in a realm and one outside of it, and answers with the principal.
type vault struct {
	runtime.Actor
	asked []string
}

func (v *vault) Initialize() {
	web.RouteIn(v, "treasury", "/gold", web.Help{}, v.serve)
	web.Route(v, "/door", web.Help{}, v.serve)
}

func (v *vault) serve(r *web.Request) runtime.Future[*web.Response] {
	name := "nobody"
	if r.Principal != nil {
		name = r.Principal.Name
	}
	v.asked = append(v.asked, name+" "+r.Route)
	return runtime.Ready(web.Text(http.StatusOK, name))
}

// slow answers when it is told.
type slow struct {
	waiting []runtime.Promise[web.Authentication]
}

func (*slow) Scheme() string { return "Slow" }
func (s *slow) Authenticate(*web.Request) runtime.Future[web.Authentication] {
	p := runtime.NewPromise[web.Authentication]()
	s.waiting = append(s.waiting, p)
	return p.Future()
}

// fixed always says the same.
type fixed struct {
	scheme string
	who    web.Authentication
	err    error
}

func (f *fixed) Scheme() string { return f.scheme }
func (f *fixed) Authenticate(*web.Request) runtime.Future[web.Authentication] {
	if f.err != nil {
		return runtime.Failed[web.Authentication](f.err)
	}
	return runtime.Ready(f.who)
}

func openVault(t *testing.T) (*sim.World, *runtime.Node, *vault) {
	t.Helper()
	w, v := sim.New(1), &vault{}
	n := w.Node("10.0.0.1:5050")
	if _, err := runtime.Spawn(n, "vault", v); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	return w, n, v
}

func request(path, authorization string) *web.Request {
	return &web.Request{
		Method: http.MethodGet, URL: &url.URL{Path: path}, Header: http.Header{"Authorization": {authorization}}, Body: strings.NewReader(""),
	}
}

// answered describes a response.
func answered(f runtime.Future[*web.Response]) string {
	r, done, err := f.Peek()
	switch {
	case !done:
		return "pending"
	case err != nil:
		return "failed: " + err.Error()
	}
	text := fmt.Sprintf("%d %s", r.Status, r.Body)
	if challenge := r.Header.Get("WWW-Authenticate"); challenge != "" {
		text += " | " + challenge
	}
	return text
}

func TestRealms(t *testing.T) {
	t.Parallel()
	const (
		alice = "Basic YWxpY2U6c2VzYW1l" // alice:sesame
		other = "Basic YWxpY2U6b3Blbg==" // alice:open
	)
	basic := &web.BasicAuthenticator{Realm: "treasury", Passwords: map[string]string{"alice": "sesame", "": ""}}
	refused := func(r *web.Response) *fixed { return &fixed{"Fixed", web.Authentication{Refusal: r}, nil} }
	const challenged = `401 401 Unauthorized. | Basic realm="treasury"`
	for _, c := range []struct {
		name          string
		authenticator web.Authenticator
		path, header  string
		want          string
	}{
		{"nothing is installed", nil, "/vault/gold", "", "200 nobody"},
		{"no credentials", basic, "/vault/gold", "", challenged},
		{"the right ones", basic, "/vault/gold", alice, "200 alice"},
		{"wrong ones", basic, "/vault/gold", other, challenged},
		{"nonsense", basic, "/vault/gold", "Basic ???", challenged},
		{"another scheme", basic, "/vault/gold", "Bearer x", challenged},
		{"no password at all", basic, "/vault/gold", "Basic eA==", challenged},
		{"a route outside the realm", basic, "/vault/door", "", "200 nobody"},
		{"forbidden", refused(web.Forbidden("no")), "/vault/gold", alice, "403 no"},
		{"an authenticator that fails", &fixed{err: errors.New("out of order")}, "/vault/gold", alice, "failed: out of order"},
		{"an authenticator that does not decide", &fixed{}, "/vault/gold", alice, "failed: web: an authenticator must return a principal or a refusal"},
		{"several, one of which knows", web.Authenticators{refused(web.Forbidden("no")), basic}, "/vault/gold", alice, "200 alice"},
		{
			"several challenges", web.Authenticators{basic, refused(web.Unauthorized("Bearer a", "Digest b")), refused(web.Forbidden("no"))}, "/vault/gold", "",
			"401 \"Basic\" authenticator returned:\n401 Unauthorized.\n\n\"Fixed\" authenticator returned:\n401 Unauthorized. | Basic realm=\"treasury\",Bearer a, Digest b",
		},
		{"several that forbid", web.Authenticators{refused(web.Forbidden("no"))}, "/vault/gold", "", "403 \"Fixed\" authenticator returned:\nno"},
		{"several that fail", web.Authenticators{&fixed{scheme: "F", err: errors.New("x")}}, "/vault/gold", "", "failed: \"F\" authenticator returned:\nx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, n, _ := openVault(t)
			web.SetAuthenticator(n, "treasury", c.authenticator)
			answer := web.Serve(n, request(c.path, c.header))
			w.Settle()
			if got := answered(answer); got != c.want {
				t.Errorf("answered %s\nwant %s", got, c.want)
			}
			web.SetAuthenticator(n, "treasury", nil)
			again := web.Serve(n, request(c.path, ""))
			w.Settle()
			if got := answered(again); got != "200 nobody" {
				t.Errorf("without it answered %s", got)
			}
		})
	}
}

func TestAuthorizersKnowThePrincipal(t *testing.T) {
	t.Parallel()
	w, n, v := openVault(t)
	web.SetAuthenticator(n, "treasury", web.Authenticators{&web.BasicAuthenticator{Passwords: map[string]string{"a": "", "b": ""}}})
	web.SetAuthorizer(n, "/vault/gold", func(r *web.Request) runtime.Future[bool] {
		return runtime.Ready(r.Principal.Name == "a")
	})
	a, b := web.Serve(n, request("/vault/gold/", "Basic YTo=")), web.Serve(n, request("/vault/gold", "Basic Yjo="))
	w.Settle()
	if answered(a) != "200 a" || answered(b) != "403 403 Forbidden." {
		t.Errorf("answered %s, %s", answered(a), answered(b))
	}
	web.SetAuthorizer(n, "/vault/gold", nil)
	b = web.Serve(n, request("/vault/gold", "Basic Yjo="))
	w.Settle()
	if answered(b) != "200 b" || len(v.asked) != 2 {
		t.Errorf("answered %s; the handler heard %q", answered(b), v.asked)
	}
}

// Handlers get requests in the order of their arrival, however long authentication takes.
func TestExaminedRequestsStayInOrder(t *testing.T) {
	t.Parallel()
	w, n, v := openVault(t)
	s := &slow{}
	web.SetAuthenticator(n, "treasury", s)
	var answers []runtime.Future[*web.Response]
	for _, path := range []string{"/vault/gold", "/vault/door", "/vault/gold"} {
		answers = append(answers, web.Serve(n, request(path, "")))
	}
	w.Settle()
	if len(s.waiting) != 2 {
		t.Fatalf("%d requests are examined at once; want 2", len(s.waiting))
	}
	s.waiting[1].Set(web.Authentication{Principal: &web.Principal{Name: "second"}})
	w.Settle()
	if len(v.asked) != 0 {
		t.Fatalf("the handler heard %q before the first", v.asked)
	}
	s.waiting[0].Set(web.Authentication{Principal: &web.Principal{Name: "first"}})
	w.Settle()
	if got := strings.Join(v.asked, ", "); got != "first /gold, nobody /door, second /gold" {
		t.Errorf("the handler heard %s", got)
	}
	for _, f := range answers {
		if !strings.HasPrefix(answered(f), "200 ") {
			t.Errorf("answered %s", answered(f))
		}
	}
	late := web.Serve(n, request("/vault/gold", ""))
	w.Settle()
	n.Terminate(runtime.PID{ID: "vault", Addr: n.Addr()})
	w.Settle()
	s.waiting[2].Set(web.Authentication{Principal: &web.Principal{Name: "late"}})
	w.Settle()
	if got := answered(late); got != "failed: "+runtime.ErrTerminated.Error() {
		t.Errorf("a request to an actor that ended was answered %s", got)
	}
}

// Requests that are examined when their actor ends are answered.
func TestExaminedRequestsEndWithTheirActor(t *testing.T) {
	t.Parallel()
	w, n, _ := openVault(t)
	s := &slow{}
	web.SetAuthenticator(n, "treasury", s)
	var answers []runtime.Future[*web.Response]
	for range 4 {
		answers = append(answers, web.Serve(n, request("/vault/gold", "")))
	}
	w.Settle()
	n.Terminate(runtime.PID{ID: "vault", Addr: n.Addr()})
	w.Settle()
	for i, f := range answers {
		if got, want := answered(f), "failed: "+runtime.ErrTerminated.Error(); got != want {
			t.Errorf("request %d: %s, want %s", i, got, want)
		}
	}
	for _, p := range s.waiting {
		if !p.Discarded() {
			t.Error("an examination is not told that nobody waits for it")
		}
	}
}
