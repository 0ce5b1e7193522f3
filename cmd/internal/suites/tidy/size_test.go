package tidy

import (
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The most lines of a function and of a file. Beyond it, a noun is missing.
const (
	longestFunction = 70
	longestFile     = 800
)

func TestFunctionsAndFilesStayShort(t *testing.T) {
	t.Parallel()
	allowed := readAllowance(t, "long.txt")
	for _, s := range parsed(t) {
		if s.isGenerated() {
			continue
		}
		if lines := s.line(s.file.FileEnd); lines > longestFile && !allowed.permits(s.path) {
			t.Errorf("%s has %d lines, more than %d", s.path, lines, longestFile)
		}
		for _, declaration := range s.file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := s.line(function.End()) - s.line(function.Pos()) + 1
			key := fmt.Sprintf("%s %s", s.path, function.Name.Name)
			if lines > longestFunction && !allowed.permits(key) {
				t.Errorf("%s: %s has %d lines, more than %d", s.path, function.Name.Name, lines, longestFunction)
			}
		}
	}
	allowed.finish(t)
}

// ofOneMachine matches paths that exist where somebody works, and nowhere else.
var ofOneMachine = regexp.MustCompile(`(^|[^\w.])(/root/|/work/|/home/\w+/|/Users/\w+/)`)

func TestNothingNamesOneMachine(t *testing.T) {
	t.Parallel()
	allowed := readAllowance(t, "paths.txt")
	err := walk(func(path string) error {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil || strings.HasPrefix(path, "cmd/internal/suites/tidy/") {
			return err
		}
		if found := ofOneMachine.Find(text); found != nil && !allowed.permits(path) {
			t.Errorf("%s contains %q", path, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	allowed.finish(t)
}
