package runtime_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"meseta/runtime"
	"meseta/runtime/sim"
)

// vault has one route in a realm and one outside of it, and says who was let in.
type vault struct {
	runtime.Actor
	asked []string
}

func (v *vault) Initialize() {
	runtime.RouteIn(v, "treasury", "/gold", runtime.Help{}, v.serve)
	runtime.Route(v, "/door", runtime.Help{}, v.serve)
}

func (v *vault) serve(r *runtime.Request) runtime.Future[*runtime.Response] {
	name := "nobody"
	if r.Principal != nil {
		name = r.Principal.Name
	}
	v.asked = append(v.asked, name+" "+r.Route)
	return runtime.Ready(runtime.Text(http.StatusOK, name))
}

// slow answers when it is told.
type slow struct {
	waiting []runtime.Promise[runtime.Authentication]
}

func (*slow) Scheme() string { return "Slow" }
func (s *slow) Authenticate(*runtime.Request) runtime.Future[runtime.Authentication] {
	p := runtime.NewPromise[runtime.Authentication]()
	s.waiting = append(s.waiting, p)
	return p.Future()
}

// fixed always says the same.
type fixed struct {
	scheme string
	who    runtime.Authentication
	err    error
}

func (f *fixed) Scheme() string { return f.scheme }
func (f *fixed) Authenticate(*runtime.Request) runtime.Future[runtime.Authentication] {
	if f.err != nil {
		return runtime.Failed[runtime.Authentication](f.err)
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

func request(path, authorization string) *runtime.Request {
	return &runtime.Request{
		Method: http.MethodGet, URL: &url.URL{Path: path}, Header: http.Header{"Authorization": {authorization}}, Body: strings.NewReader(""),
	}
}

// answered describes a response.
func answered(f runtime.Future[*runtime.Response]) string {
	r, err, done := f.Peek()
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
	basic := &runtime.BasicAuthenticator{Realm: "treasury", Passwords: map[string]string{"alice": "sesame", "": ""}}
	refused := func(r *runtime.Response) *fixed { return &fixed{"Fixed", runtime.Authentication{Refusal: r}, nil} }
	const challenged = `401 401 Unauthorized. | Basic realm="treasury"`
	for _, c := range []struct {
		name          string
		authenticator runtime.Authenticator
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
		{"forbidden", refused(runtime.Forbidden("no")), "/vault/gold", alice, "403 no"},
		{"an authenticator that fails", &fixed{err: errors.New("out of order")}, "/vault/gold", alice, "failed: out of order"},
		{"an authenticator that does not decide", &fixed{}, "/vault/gold", alice, "failed: runtime: an authenticator must return a principal or a refusal"},
		{"several, one of which knows", runtime.Authenticators{refused(runtime.Forbidden("no")), basic}, "/vault/gold", alice, "200 alice"},
		{
			"several challenges", runtime.Authenticators{basic, refused(runtime.Unauthorized("Bearer a", "Digest b")), refused(runtime.Forbidden("no"))}, "/vault/gold", "",
			"401 \"Basic\" authenticator returned:\n401 Unauthorized.\n\n\"Fixed\" authenticator returned:\n401 Unauthorized. | Basic realm=\"treasury\",Bearer a, Digest b",
		},
		{"several that forbid", runtime.Authenticators{refused(runtime.Forbidden("no"))}, "/vault/gold", "", "403 \"Fixed\" authenticator returned:\nno"},
		{"several that fail", runtime.Authenticators{&fixed{scheme: "F", err: errors.New("x")}}, "/vault/gold", "", "failed: \"F\" authenticator returned:\nx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, n, _ := openVault(t)
			n.SetAuthenticator("treasury", c.authenticator)
			answer := n.Serve(request(c.path, c.header))
			w.Settle()
			if got := answered(answer); got != c.want {
				t.Errorf("answered %s\nwant %s", got, c.want)
			}
			n.SetAuthenticator("treasury", nil)
			again := n.Serve(request(c.path, ""))
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
	n.SetAuthenticator("treasury", runtime.Authenticators{&runtime.BasicAuthenticator{Passwords: map[string]string{"a": "", "b": ""}}})
	n.SetAuthorizer("/vault/gold", func(r *runtime.Request) runtime.Future[bool] {
		return runtime.Ready(r.Principal.Name == "a")
	})
	a, b := n.Serve(request("/vault/gold/", "Basic YTo=")), n.Serve(request("/vault/gold", "Basic Yjo="))
	w.Settle()
	if answered(a) != "200 a" || answered(b) != "403 403 Forbidden." {
		t.Errorf("answered %s, %s", answered(a), answered(b))
	}
	n.SetAuthorizer("/vault/gold", nil)
	b = n.Serve(request("/vault/gold", "Basic Yjo="))
	w.Settle()
	if answered(b) != "200 b" || len(v.asked) != 2 {
		t.Errorf("answered %s; the handler heard %q", answered(b), v.asked)
	}
}

// However long it takes to know who asks: handlers hear requests in the order in which they came.
func TestExaminedRequestsStayInOrder(t *testing.T) {
	t.Parallel()
	w, n, v := openVault(t)
	s := &slow{}
	n.SetAuthenticator("treasury", s)
	var answers []runtime.Future[*runtime.Response]
	for _, path := range []string{"/vault/gold", "/vault/door", "/vault/gold"} {
		answers = append(answers, n.Serve(request(path, "")))
	}
	w.Settle()
	if len(s.waiting) != 2 {
		t.Fatalf("%d requests are examined at once; want 2", len(s.waiting))
	}
	s.waiting[1].Set(runtime.Authentication{Principal: &runtime.Principal{Name: "second"}})
	w.Settle()
	if len(v.asked) != 0 {
		t.Fatalf("the handler heard %q before the first", v.asked)
	}
	s.waiting[0].Set(runtime.Authentication{Principal: &runtime.Principal{Name: "first"}})
	w.Settle()
	if got := strings.Join(v.asked, ", "); got != "first /gold, nobody /door, second /gold" {
		t.Errorf("the handler heard %s", got)
	}
	for _, f := range answers {
		if !strings.HasPrefix(answered(f), "200 ") {
			t.Errorf("answered %s", answered(f))
		}
	}
	late := n.Serve(request("/vault/gold", ""))
	w.Settle()
	n.Terminate(runtime.PID{ID: "vault", Addr: n.Addr()})
	w.Settle()
	s.waiting[2].Set(runtime.Authentication{Principal: &runtime.Principal{Name: "late"}})
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
	n.SetAuthenticator("treasury", s)
	var answers []runtime.Future[*runtime.Response]
	for range 4 {
		answers = append(answers, n.Serve(request("/vault/gold", "")))
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
