package tidy

import (
	"bytes"
	"go/ast"
	"go/printer"
	"go/token"
	"path"
	"strconv"
	"strings"
	"testing"
)

// The most methods of a type, and the most lines of a package without its tests. Beyond it, there are two of them in one.
const (
	mostMethods    = 80
	longestPackage = 3000
)

func TestTypesAndPackagesStaySmall(t *testing.T) {
	t.Parallel()
	allowed := readAllowance(t, "large.txt")
	methods, lines := map[string]int{}, map[string]int{}
	for _, s := range parsed(t) {
		if s.isTest() || s.isGenerated() {
			continue
		}
		lines[s.folder()] += s.line(s.file.FileEnd)
		for _, declaration := range s.file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv != nil {
				methods[path.Join(s.folder(), receiver(f.Recv.List[0].Type))]++
			}
		}
	}
	for name, n := range methods {
		if n > mostMethods && !allowed.permits(name) {
			t.Errorf("%s has %d methods, more than %d", name, n, mostMethods)
		}
	}
	for folder, n := range lines {
		if n > longestPackage && !allowed.permits(folder) {
			t.Errorf("%s has %d lines, more than %d", folder, n, longestPackage)
		}
	}
	allowed.finish(t)
}

// receiver is the name of a method's type, without pointer and parameters.
func receiver(e ast.Expr) string {
	var text bytes.Buffer
	printer.Fprint(&text, token.NewFileSet(), e) //nolint:errcheck // a buffer takes everything
	name, _, _ := strings.Cut(strings.TrimPrefix(text.String(), "*"), "[")
	return name
}

// TestTheMasterKnowsNoHTTP keeps requests and answers in master/api, and streams of events in master/subscribers: what a master
// does can be asked for in other ways.
func TestTheMasterKnowsNoHTTP(t *testing.T) {
	t.Parallel()
	served := map[string]bool{"master/api": true, "master/subscribers": true, "master/mastertest": true} // and tests
	for _, s := range parsed(t) {
		if s.folder() != "master" && !strings.HasPrefix(s.folder(), "master/") || served[s.folder()] || s.isTest() {
			continue
		}
		for _, imported := range s.file.Imports {
			switch name, _ := strconv.Unquote(imported.Path.Value); name {
			case "net/http", module + "/runtime/web", module + "/master/api":
				t.Errorf("%s imports %s, but HTTP is master/api's", s.path, name)
			}
		}
	}
}
