package tidy

import (
	"fmt"
	"go/ast"
	"path"
	"strconv"
	"strings"
	"testing"
)

// forbidden lists functions that only runtime may use, and what to use instead. A * stands for all functions
// of a package but those that make a source of one's own.
var forbidden = map[string]string{
	"time.Now":       "an actor's Now follows the node's clock",
	"time.Since":     "an actor's Now follows the node's clock",
	"time.Until":     "an actor's Now follows the node's clock",
	"time.Sleep":     "an actor's Delay takes no thread, and no time in tests",
	"time.After":     "an actor's Delay follows the node's clock",
	"time.AfterFunc": "an actor's Delay follows the node's clock",
	"time.Tick":      "an actor's Delay follows the node's clock",
	"time.NewTimer":  "an actor's Delay follows the node's clock",
	"time.NewTicker": "an actor's Delay follows the node's clock",
	"rand.*":         "an actor's Rand is seeded by the node",
	"uuid.New":       "package ids makes UUIDs from an actor's Rand",
	"uuid.NewString": "package ids makes UUIDs from an actor's Rand",
	"uuid.NewRandom": "package ids makes UUIDs from an actor's Rand",
	"go":             "runtime.Go runs what blocks, and brings its result back to the actor's turn",
}

// ownSources are the functions of math/rand and math/rand/v2 that do not use global randomness.
var ownSources = map[string]bool{
	"New": true, "NewSource": true, "NewPCG": true, "NewChaCha8": true, "NewZipf": true,
	"Rand": true, "Source": true, "Zipf": true, "PCG": true, "ChaCha8": true,
}

func TestOnlyTheRuntimeKnowsTimeChanceAndGoroutines(t *testing.T) {
	t.Parallel()
	allowed := readAllowance(t, "calls.txt")
	for _, s := range parsed(t) {
		if strings.HasPrefix(s.path, "runtime/") || s.isGenerated() {
			continue
		}
		for _, use := range forbiddenUses(s) {
			if !allowed.permits(s.path + " " + use.what) {
				t.Errorf("%s:%d: %s: %s", s.path, use.line, use.what, forbidden[use.rule])
			}
		}
	}
	allowed.finish(t)
}

// Where tasks and images may have made directories, trees are removed by package disk: os.RemoveAll has as many directories open as
// they are deep, which can be more than the process may have.
func TestTreesOfTasksAreRemovedByTheDisk(t *testing.T) {
	t.Parallel()
	for _, s := range parsed(t) {
		if !strings.HasPrefix(s.path, "slave/") && !strings.HasPrefix(s.path, "actors/") || strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			if call, ok := node.(*ast.SelectorExpr); ok && call.Sel.Name == "RemoveAll" {
				if pkg, ok := call.X.(*ast.Ident); ok && pkg.Name == "os" {
					t.Errorf("%s:%d: os.RemoveAll: disk.Local removes trees that are deeper than a process may have files open", s.path, s.line(node.Pos()))
				}
			}
			return true
		})
	}
}

type use struct {
	what, rule string
	line       int
}

func forbiddenUses(s source) []use {
	packages := importedAs(s)
	var uses []use
	ast.Inspect(s.file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.GoStmt:
			uses = append(uses, use{"go", "go", s.line(node.Pos())})
		case *ast.SelectorExpr:
			name, ok := node.X.(*ast.Ident)
			if !ok || packages[name.Name] == "" {
				break
			}
			what := fmt.Sprintf("%s.%s", packages[name.Name], node.Sel.Name)
			if rule := ruleFor(packages[name.Name], node.Sel.Name); rule != "" {
				uses = append(uses, use{what, rule, s.line(node.Pos())})
			}
		}
		return true
	})
	return uses
}

func ruleFor(pkg, function string) string {
	switch {
	case pkg == "rand" && ownSources[function]:
		return ""
	case pkg == "rand":
		return "rand.*"
	case forbidden[pkg+"."+function] != "":
		return pkg + "." + function
	}
	return ""
}

// importedAs tells under which name a file knows each package the rules speak of.
func importedAs(s source) map[string]string {
	known := map[string]string{"time": "time", "math/rand": "rand", "math/rand/v2": "rand", "crypto/rand": "rand",
		"github.com/google/uuid": "uuid"}
	names := map[string]string{}
	for _, imported := range s.file.Imports {
		pkg, _ := strconv.Unquote(imported.Path.Value)
		rule, ok := known[pkg]
		if !ok {
			continue
		}
		name := rule
		if path.Base(pkg) == "v2" {
			name = "rand"
		}
		if imported.Name != nil {
			name = imported.Name.Name
		}
		names[name] = rule
	}
	return names
}
