// Package turns knows, in race builds, whose turn a goroutine takes. Other builds know nothing and pay nothing.
package turns

import (
	"runtime"
	"strings"
)

// Called names the function of a package through which the package was entered: the outermost of those that are under way
// on this goroutine without others in between. It is called by a function of that package. pkg is the package's name, and
// Called leaves it out: "(*Actor).Send".
func Called(pkg string) string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	name := ""
	for {
		f, more := frames.Next()
		last := f.Function[strings.LastIndexByte(f.Function, '/')+1:]
		inside, ok := strings.CutPrefix(last, pkg+".")
		if !ok || !more {
			return name
		}
		name, _, _ = strings.Cut(inside, "[") // of type parameters
	}
}
