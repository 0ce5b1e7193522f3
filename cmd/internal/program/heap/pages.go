package heap

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// huge is the size of huge pages, in bytes.
const huge = 2 << 20

// reserve has the kernel back the first Room bytes of the heap by huge pages, where it has such pages for those that ask. A heap that
// grows by a hundred megabytes within a second otherwise spends a tenth of a master's work on faults of small pages. It takes
// addresses, and no memory until that is used.
func reserve() {
	room := make([]byte, Room+huge)
	start := -uintptr(unsafe.Pointer(&room[0])) % huge
	_ = unix.Madvise(room[start:start+Room], unix.MADV_HUGEPAGE) // or the pages are small
	runtime.KeepAlive(room)
}
