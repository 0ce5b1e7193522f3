package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// root is the module's folder, as seen from this one.
const root = "../../../.."

// source is one Go file that people write.
type source struct {
	path string // relative to root, with slashes
	file *ast.File
	fset *token.FileSet
}

// folder is the path of the file's package.
func (s source) folder() string { return filepath.ToSlash(filepath.Dir(s.path)) }

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

func (s source) isGenerated() bool { return strings.HasSuffix(s.path, ".pb.go") }

func (s source) line(pos token.Pos) int { return s.fset.Position(pos).Line }

// sources parses the tree once for all tests.
var sources = sync.OnceValues(func() ([]source, error) {
	var found []source
	err := walk(func(path string) error {
		if !strings.HasSuffix(path, ".go") || strings.Contains(path, "/testdata/") {
			return nil
		}
		fset := token.NewFileSet()
		mode := parser.ParseComments | parser.SkipObjectResolution
		if strings.HasSuffix(path, ".pb.go") {
			mode = parser.ParseComments | parser.ImportsOnly
		}
		file, err := parser.ParseFile(fset, filepath.Join(root, path), nil, mode)
		found = append(found, source{path, file, fset})
		return err
	})
	return found, err
})

func parsed(t *testing.T) []source {
	t.Helper()
	found, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// walk calls visit for every file that belongs to the project, by its path relative to root.
func walk(visit func(path string) error) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); path != root && (strings.HasPrefix(name, ".") || name == "bin") {
				return fs.SkipDir
			}
			return nil
		}
		if entry.Name() == ".git" { // a file in a work tree of its own
			return nil
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return visit(filepath.ToSlash(relative))
	})
}

// allowance is the content of a list in testdata: what is allowed, with the reason. Lines are a key, a colon and the
// reason; # begins a comment.
type allowance struct {
	name    string
	reasons map[string]string
	used    map[string]bool
}

func readAllowance(t *testing.T, name string) *allowance {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	a := &allowance{name, map[string]string{}, map[string]bool{}}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, reason, ok := strings.Cut(line, ": ")
		if !ok {
			t.Errorf("testdata/%s: %q gives no reason", name, line)
		}
		a.reasons[key] = reason
	}
	return a
}

func (a *allowance) permits(key string) bool {
	_, ok := a.reasons[key]
	a.used[key] = a.used[key] || ok
	return ok
}

// finish fails for entries that were not used.
func (a *allowance) finish(t *testing.T) {
	t.Helper()
	for key := range a.reasons {
		if !a.used[key] {
			t.Errorf("testdata/%s: %q is not needed any more; remove it", a.name, key)
		}
	}
}
