//go:build !linux

package disk

// Boot implements [Disk]. Other systems than Linux have no name for it that is known not to come again.
func (Local) Boot() string { return "" }
