package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// Every request of a program says what caused it, since its client is made by web.NewClient. A library that makes its own client gets
// a transport by web.Propagating.
func TestRequestsSayWhatCausedThem(t *testing.T) {
	t.Parallel()
	made := 0
	for _, s := range parsed(t) {
		if s.isTest() || s.folder() == "runtime/web" || strings.HasPrefix(s.path, "cmd/internal/tools/") {
			continue
		}
		bare, causal := clients(s.file)
		made += causal
		for _, n := range bare {
			t.Errorf("%s:%d: a client that does not say what caused its requests; web.NewClient makes one that does", s.path, s.line(n.Pos()))
		}
	}
	if made == 0 {
		t.Error("nobody has a client")
	}
}

// bareClients are what package http has to make requests with, but transports.
var bareClients = []string{"Client", "DefaultClient", "Get", "Head", "Post", "PostForm"}

// clients lists where a file makes or uses a client of HTTP that names no causes, and counts those it makes that do. A pointer to a
// client, as the type of a field for instance, makes none.
func clients(root ast.Node) (bare []ast.Node, causal int) {
	ast.Inspect(root, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StarExpr:
			return !isOf(n.X, "http", "Client")
		case *ast.CallExpr:
			if isOf(n.Fun, "remote", "WithTransport") && !isCausal(n.Args[0]) {
				bare = append(bare, n)
			}
		case *ast.SelectorExpr:
			if n.Sel.Name == "NewClient" && isCausal(n) {
				causal++
			}
			if isOf(n, "http", bareClients...) {
				bare = append(bare, n)
			}
		}
		return true
	})
	return bare, causal
}

// isOf reports whether an expression is one of the names of a package.
func isOf(x ast.Expr, pkg string, names ...string) bool {
	s, ok := x.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	of, ok := s.X.(*ast.Ident)
	return ok && of.Name == pkg && slices.Contains(names, s.Sel.Name)
}

// isCausal reports whether an expression is of runtime/web's functions that propagate causes, or calls one.
func isCausal(x ast.Expr) bool {
	if call, ok := x.(*ast.CallExpr); ok {
		x = call.Fun
	}
	return isOf(x, "web", "NewClient", "Propagating") || isOf(x, "runtimeweb", "NewClient", "Propagating")
}

// The rule finds what it forbids.
func TestBareClientsAreFound(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]int{
		"http.Get(url)":                             {1, 0},
		"&http.Client{}":                            {1, 0},
		"new(http.Client)":                          {1, 0},
		"http.DefaultClient.Do(r)":                  {1, 0},
		"func() { var c http.Client; c.Do(r) }":     {1, 0},
		"remote.WithTransport(t)":                   {1, 0},
		"remote.WithTransport(web.Propagating(t))":  {0, 0},
		"web.NewClient(&http.Transport{})":          {0, 1},
		"func(c *http.Client) { c.Get(url) }":       {0, 0},
		"struct{ client *http.Client }{}":           {0, 0},
		"zookeeper.NewClient()":                     {0, 0},
		"otlptracehttp.NewClient(endpoint)":         {0, 0},
		"http.NewRequest(http.MethodGet, url, nil)": {0, 0},
	} {
		x, err := parser.ParseExprFrom(token.NewFileSet(), "", text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if bare, causal := clients(x); len(bare) != want[0] || causal != want[1] {
			t.Errorf("%s: %d without and %d with causes, want %v", text, len(bare), causal, want)
		}
	}
}
