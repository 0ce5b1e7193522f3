//go:build !linux

package disk

// syncData puts on the medium what a file holds, and its size.
func syncData(f File) error { return f.Sync() }
