package seccomp

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// release is a version of the kernel, such as 4.8.
type release struct{ major, minor int }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (r *release) UnmarshalText(text []byte) error {
	var rest string
	if n, _ := fmt.Sscanf(string(text), "%d.%d%s", &r.major, &r.minor, &rest); n != 2 || r.major < 0 || r.minor < 0 {
		return fmt.Errorf("Unexpected kernel version: '%s': it has to be like 4.8", text)
	}
	return nil
}

// reached reports whether the kernel of this machine is at least that one.
func (r release) reached() bool {
	k := kernel()
	return k.major > r.major || k.major == r.major && k.minor >= r.minor
}

// kernel returns the version of the kernel that runs.
var kernel = sync.OnceValue(func() (r release) {
	var about unix.Utsname
	if unix.Uname(&about) == nil {
		_, _ = fmt.Sscanf(unix.ByteSliceToString(about.Release[:]), "%d.%d", &r.major, &r.minor) // what cannot be read is old
	}
	return r
})
