package tidy

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// endings are the functions whose call ends a process or asks for a permit, by the last part of their names. Those called
// permit without arguments hand out what a limiter grants; with arguments, they only say whether something is allowed.
var endings = map[string]bool{
	"panic": true, "os.Exit": true,
	"giveUp": true, "GiveUp": true, // the master's
	"fatal": true, "Fatal": true, // the agent's
	"Acquire": true, "permit": true, // a permit of a limiter
}

// daemons are the folders whose code runs in masters, agents, executors and schedulers.
var daemons = []string{"messages/", "runtime/", "actors/", "master/", "slave/", "sched/"}

// TestEveryEndHasAnAuthor keeps testdata/ends.txt complete: a call that can end a daemon, or that takes a permit for
// which others wait, is listed there with who can cause it and why no peer can.
func TestEveryEndHasAnAuthor(t *testing.T) {
	t.Parallel()
	allowed := readAllowance(t, "ends.txt")
	for _, s := range parsed(t) {
		if !runsInDaemons(s) {
			continue
		}
		for _, e := range endsOf(s) {
			if !allowed.permits(s.folder() + " " + e.what) {
				t.Errorf("%s:%d: %s is not in testdata/ends.txt; say there who can cause it and why no peer can",
					s.path, e.line, s.folder()+" "+e.what)
			}
		}
	}
	allowed.finish(t)
}

// runsInDaemons tells the code of daemons from that of tests, which includes the packages whose names end in test.
func runsInDaemons(s source) bool {
	if s.isTest() || s.isGenerated() || strings.HasSuffix(s.folder(), "test") || strings.HasPrefix(s.path, "runtime/sim/") {
		return false
	}
	return slices.ContainsFunc(daemons, func(folder string) bool { return strings.HasPrefix(s.path, folder) })
}

// endsOf finds the calls of endings. Each is named by the function that makes it and by what it calls.
func endsOf(s source) []use {
	var uses []use
	for _, decl := range s.file.Decls {
		function := nameOf(decl)
		ast.Inspect(decl, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			what := called(call)
			if endings[what] && (what != "permit" || len(call.Args) == 0) {
				uses = append(uses, use{function + " " + what, what, s.line(call.Pos())})
			}
			return true
		})
	}
	return uses
}

// nameOf is the name of a function, after its type's if it is a method. Other declarations are called var.
func nameOf(decl ast.Decl) string {
	f, ok := decl.(*ast.FuncDecl)
	switch {
	case !ok:
		return "var"
	case f.Recv == nil:
		return f.Name.Name
	}
	return fmt.Sprintf("%s.%s", receiver(f.Recv.List[0].Type), f.Name.Name)
}

// called is the name of what is called, without what it is called on; os.Exit keeps its package.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if on, ok := f.X.(*ast.Ident); ok && on.Name == "os" {
			return "os." + f.Sel.Name
		}
		return f.Sel.Name
	}
	return ""
}

func TestEndsAreSeen(t *testing.T) {
	t.Parallel()
	const text = `package p
		var f = func() { panic(1) }
		func (m *master[A]) lost() { m.options.GiveUp(nil); defer func() { os.Exit(1) }() }
		func ask(l *Limiter) { await(l.Acquire(), l.permit()); exit(panics, cs.permit(agent)) }`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range endsOf(source{"p.go", file, fset}) {
		got = append(got, e.what)
	}
	want := []string{"var panic", "master.lost GiveUp", "master.lost os.Exit", "ask Acquire", "ask permit"}
	if !slices.Equal(got, want) {
		t.Errorf("saw %q, want %q", got, want)
	}
}
