package tidy

import (
	"go/ast"
	"strings"
	"testing"
)

// TestTestsOfActorsEndQuietly demands that a test that makes a node or a world has package runtimetest check, at its end, that
// actors leave nothing behind: no events that wait, no timers, promises, links or work. The runtime's own tests look at the
// parts of that themselves, and benchmarks end as they are.
func TestTestsOfActorsEndQuietly(t *testing.T) {
	t.Parallel()
	for _, s := range parsed(t) {
		if !s.isTest() || strings.HasPrefix(s.path, "runtime/") || strings.HasSuffix(s.path, "bench_test.go") {
			continue
		}
		if line := makesNodes(s); line > 0 && !checksQuiet(s) {
			t.Errorf("%s:%d: nothing checks that actors leave nothing behind: see runtimetest.Node, World, Close and End", s.path, line)
		}
	}
}

// makesNodes returns the line where a file makes a node or a world, or 0. A world that is made only for its disk or its time,
// sim.New(1).Disk(…), has no actors.
func makesNodes(s source) (line int) {
	passing := map[ast.Node]bool{}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if n.Sel.Name != "Node" {
				passing[n.X] = true
			}
		case *ast.CallExpr:
			if name := qualified(n); name == "runtime.NewNode" || name == "sim.New" && !passing[n] {
				line = s.line(n.Pos())
			}
		}
		return line == 0
	})
	return line
}

// checksQuiet reports whether a file has runtimetest check a node or a world.
func checksQuiet(s source) (found bool) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			name := qualified(call)
			found = found || name == "runtimetest.End" || name == "runtimetest.Close" || name == "runtimetest.Quiet"
		}
		return !found
	})
	return found
}

// qualified is the name of the function that is called, with its package: sim.New.
func qualified(call *ast.CallExpr) string {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	pkg, ok := f.X.(*ast.Ident)
	if !ok {
		return ""
	}
	return pkg.Name + "." + f.Sel.Name
}
