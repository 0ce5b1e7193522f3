package forker

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"meseta/slave/containerizer/forker/serve"
)

// Program opens the program of forkers in a directory. It is smaller than an agent, and starts several times as fast, which
// every container with an init notices. The forker of an agent has to be of the same build: it is an error if that in the
// directory is not. The caller closes the file after the last [Forker] that has it.
func Program(dir string) (*os.File, error) {
	file, err := os.Open(filepath.Join(dir, serve.Name))
	if err != nil {
		return nil, err
	}
	theirs, err := buildinfo.Read(file)
	if err == nil {
		ours, _ := debug.ReadBuildInfo()
		err = same(ours, theirs)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	return file, nil
}

// same returns an error unless two programs are of the same build.
func same(a, b *debug.BuildInfo) error {
	if a == nil || a.Main.Path != b.Main.Path {
		return fmt.Errorf("it belongs to %q", b.Main.Path)
	}
	for _, key := range []string{"vcs.revision", "vcs.modified"} {
		if x, y := setting(a, key), setting(b, key); x != y {
			return fmt.Errorf("it is of another build: %s is %q, and that of this program is %q", key, y, x)
		}
	}
	return nil
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
