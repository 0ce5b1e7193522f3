package tidy

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// numbers are the types of fields for which 0 is a value.
var numbers = []string{"int", "int32", "int64", "uint", "uint32", "uint64", "float64", "time.Duration", "units.Bytes"}

// saysZero matches comments that say what 0 means.
var saysZero = regexp.MustCompile(`\b(0|[Zz]ero)\b`)

// TestConfigsAreExplained demands that each exported field of a Config has a comment, and that those of numbers say what 0
// means. Fields with tags are other people's: their documentation explains them.
func TestConfigsAreExplained(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, s := range parsed(t) {
		if s.isTest() || s.isGenerated() {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			config, ok := n.(*ast.TypeSpec)
			if !ok || !config.Name.IsExported() || !strings.HasSuffix(config.Name.Name, "Config") {
				return true
			}
			fields, ok := config.Type.(*ast.StructType)
			if !ok {
				return true
			}
			seen++
			for _, problem := range unexplained(fields) {
				t.Errorf("%s:%d: %s", s.path, s.line(problem.field.Pos()), problem.text)
			}
			return true
		})
	}
	if seen < 5 {
		t.Errorf("only %d types called Config were seen", seen)
	}
}

// problem is what is wrong with a field.
type problem struct {
	field *ast.Field
	text  string
}

// unexplained returns the exported fields that lack a comment or, if they are numbers, the meaning of 0.
func unexplained(fields *ast.StructType) (found []problem) {
	for _, f := range fields.Fields.List {
		if len(f.Names) == 0 || f.Tag != nil || !slices.ContainsFunc(f.Names, (*ast.Ident).IsExported) {
			continue
		}
		switch text := f.Doc.Text() + f.Comment.Text(); {
		case text == "":
			found = append(found, problem{f, f.Names[0].Name + " has no comment"})
		case slices.Contains(numbers, typeName(f.Type)) && !saysZero.MatchString(text):
			found = append(found, problem{f, f.Names[0].Name + " does not say what 0 means"})
		}
	}
	return found
}

// typeName is a type as it is written: int, or time.Duration.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return typeName(e.X) + "." + e.Sel.Name
	}
	return ""
}
