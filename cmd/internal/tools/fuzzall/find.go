package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
)

// target is a fuzz function.
type target struct {
	pkg  string // import path
	name string // FuzzX
}

func (t target) String() string { return t.pkg + "." + t.name }

// listed is the output of go list for a package.
type listed struct {
	Dir, ImportPath           string
	TestGoFiles, XTestGoFiles []string
}

// find returns the fuzz targets in o's packages, in order. It parses the sources, which is fast; go test -list would
// build every test.
func find(ctx context.Context, o options) ([]target, error) {
	patterns := o.packages
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	list := exec.CommandContext(ctx, "go", append([]string{"list", "-json=Dir,ImportPath,TestGoFiles,XTestGoFiles"}, patterns...)...)
	list.Dir = o.dir
	var problems bytes.Buffer
	list.Stderr = &problems
	text, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, problems.String())
	}
	var all []target
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		found, err := p.targets()
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
}

func (p listed) targets() ([]target, error) {
	var found []target
	for _, name := range append(p.TestGoFiles, p.XTestGoFiles...) {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, declaration := range file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz") {
				found = append(found, target{p.ImportPath, f.Name.Name})
			}
		}
	}
	return found, nil
}
