package disk

import (
	"os"
	"strings"
)

// Boot implements [Disk].
func (Local) Boot() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // not there: unknown
	return strings.TrimSpace(string(id))
}
