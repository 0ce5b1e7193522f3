package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"meseta/runtime/disk/descent"
)

func removeAll(name string) error { return descent.Remove(name) }

// RemoveIn removes a name below root with everything below it, like [os.Root.RemoveAll], however deep that is. A name that does
// not exist is no error.
func RemoveIn(root *os.Root, name string) error {
	dir, err := root.Open(filepath.Dir(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(descent.RemoveIn(dir, filepath.Base(name)), dir.Close())
}
