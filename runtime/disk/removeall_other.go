//go:build !linux

package disk

import "os"

func removeAll(name string) error { return os.RemoveAll(name) }

// RemoveIn removes a name below root with everything below it. A name that does not exist is no error.
func RemoveIn(root *os.Root, name string) error { return root.RemoveAll(name) }
