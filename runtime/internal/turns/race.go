//go:build race

package turns

import (
	"bytes"
	"runtime"
	"strconv"
	"sync"
)

// Checked reports whether this is a race build. It is a constant, so that what depends on it costs nothing in other builds.
const Checked = true

var taken sync.Map // of owners, by goroutine

// Enter notes that this goroutine takes turns of owner, or does blocking work if that is nil, until leave is called.
func Enter(owner any) (leave func()) {
	id := goroutine()
	before, nested := taken.Swap(id, owner)
	return func() {
		if nested {
			taken.Store(id, before)
			return
		}
		taken.Delete(id)
	}
}

// Here returns what this goroutine has entered, and whether it has entered anything.
func Here() (owner any, entered bool) { return taken.Load(goroutine()) }

// goroutine is the number of this goroutine, as stacks show it.
func goroutine() uint64 {
	var buf [64]byte
	text := bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine "))
	digits, _, _ := bytes.Cut(text, []byte(" "))
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		panic("runtime: a stack does not begin with the number of its goroutine: " + err.Error())
	}
	return n
}
