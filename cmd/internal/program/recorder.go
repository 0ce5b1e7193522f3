package program

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"meseta/runtime"
)

// recorder writes what the node remembers to files, which "mesos trace --file" reads. They are in the folder of the log files
// if there is one, and otherwise in that of temporary files; only the user of the program can read them.
type recorder struct {
	folder string // empty: that of temporary files
	node   atomic.Pointer[runtime.Node]
}

func (o *Options) recorder() *recorder {
	r := &recorder{}
	if path := o.Logging.Path(); path != "" {
		r.folder = filepath.Dir(path)
	}
	return r
}

// unfinished begins the names of files that are being written.
const unfinished = ".new-"

// save writes lines to a new file and returns its path. A file of that name is whole: where the disk is full, there is none.
func (r *recorder) save(lines []byte) (path string, err error) {
	f, err := os.CreateTemp(r.folder, unfinished+filepath.Base(os.Args[0])+".*.trace")
	if err != nil {
		return "", err
	}
	_, err = f.Write(lines)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	path = filepath.Join(filepath.Dir(f.Name()), strings.TrimPrefix(filepath.Base(f.Name()), unfinished))
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return path, nil
}

// longestSave is how long writing a file may take. A file that was not written to for longer will not be completed.
const longestSave = 10 * time.Minute

// tidy removes the files that earlier processes of this program did not complete, because they were killed.
func (r *recorder) tidy(now time.Time) {
	left, _ := filepath.Glob(filepath.Join(cmp.Or(r.folder, os.TempDir()), unfinished+filepath.Base(os.Args[0])+".*.trace")) // the pattern is good
	for _, path := range left {
		if about, err := os.Lstat(path); err == nil && about.Mode().IsRegular() && now.Sub(about.ModTime()) > longestSave {
			os.Remove(path) //nolint:errcheck // it may be another user's
		}
	}
}

// fatal is the end of a program of which an actor panicked. It leaves what the node remembers behind.
func (r *recorder) fatal(p runtime.Panic) {
	fmt.Fprint(os.Stderr, p.String())
	if said := r.testament(); said != "" {
		fmt.Fprintln(os.Stderr, said)
	}
	os.Exit(2)
}

// Testament writes what a node remembers to a file, and says where.
func (o *Options) Testament(n *runtime.Node) string {
	r := o.recorder()
	r.node.Store(n)
	return r.testament()
}

// testament writes what the node remembers, and says where.
func (r *recorder) testament() string {
	n := r.node.Load()
	if n == nil {
		return ""
	}
	events := n.Trace().Events()
	if len(events) == 0 {
		return ""
	}
	path, err := r.save(Lens.Lines(events))
	if err != nil {
		return fmt.Sprintf("the latest events could not be saved: %v", err)
	}
	return fmt.Sprintf("the latest %d events are in %s; mesos trace --file reads it", len(events), path)
}
