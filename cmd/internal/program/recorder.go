package program

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

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

// save writes lines to a new file and returns its path.
func (r *recorder) save(lines []byte) (path string, err error) {
	f, err := os.CreateTemp(r.folder, filepath.Base(os.Args[0])+".*.trace")
	if err != nil {
		return "", err
	}
	if _, err = f.Write(lines); err == nil {
		err = f.Close()
	} else {
		f.Close() //nolint:errcheck // the other error counts
	}
	return f.Name(), err
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
