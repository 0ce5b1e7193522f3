package cli

import (
	"bytes"
	"time"
)

const (
	detachKeys = "\x10\x11" // Ctrl-p Ctrl-q

	// keyPause is how long the first of the keys that detach waits for the second. It is a key of shells, too.
	keyPause = 500 * time.Millisecond
)

// keyboard watches what is typed for the keys that detach.
type keyboard struct{ held bool }

// press returns what of a chunk goes on to the container, and whether the user wants to leave.
func (k *keyboard) press(chunk []byte) (pass []byte, detach bool) {
	if k.held {
		chunk = append([]byte(detachKeys[:1]), chunk...)
	}
	if bytes.Contains(chunk, []byte(detachKeys)) {
		return nil, true
	}
	chunk, k.held = bytes.CutSuffix(chunk, []byte(detachKeys[:1]))
	return chunk, false
}

// release returns the key that was held back, if there is one: nothing followed it.
func (k *keyboard) release() []byte {
	if !k.held {
		return nil
	}
	k.held = false
	return []byte(detachKeys[:1])
}
