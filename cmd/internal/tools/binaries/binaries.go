// Package binaries makes the programs for those who use them from outside, as tests and benchmarks do, and finds what
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

// Build puts static programs, named as their folders in cmd, into the folder bin. It must be called from within the
// module.
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

// readTree opens the module's folders. go test sees it, and does not repeat a test's old result when a file in them has
// changed: that programs are built of these files it could not know.
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

// Running lists the processes whose program is in the folder bin: their ids and paths.
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
