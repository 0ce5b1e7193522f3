// Package binaries builds the programs for tests and benchmarks that use them from outside, and finds processes that
// they left running.
package binaries

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"meseta/slave/processtree"
)

// Build builds static programs, named like their directories in cmd, into the directory bin. It must be called within
// the module.
func Build(ctx context.Context, bin string, names ...string) error {
	if err := readTree(); err != nil {
		return err
	}
	args := []string{"build", "-o", bin + string(filepath.Separator)}
	for _, name := range names {
		args = append(args, "meseta/cmd/"+name)
	}
	build := exec.CommandContext(ctx, "go", args...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", strings.Join(names, " "), err, out)
	}
	return nil
}

// readTree opens the module's directories. This tells go test that a test depends on their files, from which the
// programs are built, so that it does not reuse an old result.
func readTree() error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		above := filepath.Dir(root)
		if above == root {
			return errors.New("not within a module")
		}
		root = above
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata" || path == filepath.Join(root, "bin")) {
			return fs.SkipDir
		}
		return err
	})
}

// Running returns the processes whose program is in the directory bin, with their IDs and paths.
func Running(bin string) ([]string, error) {
	all, err := processtree.Look()
	if err != nil {
		return nil, err
	}
	var found []string
	for _, p := range all.Processes {
		if program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.PID)); err == nil && strings.HasPrefix(program, bin) {
			found = append(found, fmt.Sprintf("%d %s", p.PID, program))
		}
	}
	return found, nil
}
