package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// keepers are the packages that compare secrets of peers and clients with what they were given.
var keepers = []string{"runtime/web", "runtime/web/jwt", "actors/authentication/crammd5"}

// secret matches the names of what tells a secret when somebody measures how long it takes to compare it.
var secret = regexp.MustCompile(`(?i)secret|password|proof|digest|signature|^known$|^sign$`)

// Secrets are compared in constant time: by crypto/subtle or crypto/hmac, and never by an operator or a function that ends at the first
// difference.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	t.Parallel()
	compared := map[string]bool{}
	for _, s := range parsed(t) {
		if s.isTest() || !slices.Contains(keepers, s.folder()) {
			continue
		}
		quick, constant := comparisons(s.file)
		for _, n := range quick {
			t.Errorf("%s:%d: what is compared tells by its time how much of it is right", s.path, s.line(n.Pos()))
		}
		compared[s.folder()] = compared[s.folder()] || constant > 0
	}
	for _, folder := range keepers {
		if !compared[folder] {
			t.Errorf("%s compares nothing in constant time", folder)
		}
	}
}

// comparisons lists where a secret is compared otherwise than in constant time, and counts where in constant time.
func comparisons(root ast.Node) (quick []ast.Node, constant int) {
	ast.Inspect(root, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if (n.Op == token.EQL || n.Op == token.NEQ) && !trivial(n.X) && !trivial(n.Y) && (secretive(n.X) || secretive(n.Y)) {
				quick = append(quick, n)
			}
		case *ast.CallExpr:
			switch name := callee(n); {
			case name == "subtle.ConstantTimeCompare" || name == "hmac.Equal":
				constant++
				return false
			case strings.HasSuffix(name, ".Equal") || strings.HasSuffix(name, ".Compare") || strings.HasSuffix(name, ".EqualFold"):
				if slices.ContainsFunc(n.Args, secretive) {
					quick = append(quick, n)
				}
			}
		}
		return true
	})
	return quick, constant
}

// trivial reports whether a comparison with an expression tells nothing: with nil, a number, or text without content.
func trivial(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name == "nil"
	case *ast.BasicLit:
		return x.Kind != token.STRING || x.Value == `""`
	}
	return false
}

// secretive reports whether an expression has the name of a secret in it.
func secretive(x ast.Expr) (found bool) {
	ast.Inspect(x, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && secret.MatchString(id.Name)
		return !found
	})
	return found
}

// callee returns the name of a function of a package, such as "bytes.Equal".
func callee(c *ast.CallExpr) string {
	if f, ok := c.Fun.(*ast.SelectorExpr); ok {
		if of, ok := f.X.(*ast.Ident); ok {
			return of.Name + "." + f.Sel.Name
		}
	}
	return ""
}

// The rule finds what it forbids.
func TestComparisonsAreFound(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"known == given": 1, "c.Secret != given": 1, "digest(a, b) == proof": 1, "bytes.Equal(signature, mac)": 1, `password == "root"`: 1,
		"secret == nil": 0, `password != ""`: 0, "len(x) == 3": 0, "hmac.Equal(signature, mac)": 0, "subtle.ConstantTimeCompare(known, given) == 1": 0,
	} {
		x, err := parser.ParseExpr(text)
		if err != nil {
			t.Fatal(err)
		}
		if quick, _ := comparisons(x); len(quick) != want {
			t.Errorf("%s: %d found, want %d", text, len(quick), want)
		}
	}
}
