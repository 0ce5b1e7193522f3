package console

import (
	"bytes"
	"time"
)

const (
	detachKeys = "\x10\x11" // Ctrl-p Ctrl-q

	// keyPause is how long the first detach key is held back to wait for the second, since shells use that key as well.
	keyPause = 500 * time.Millisecond
)

// keyboard detects the detach keys in the input.
type keyboard struct{ held bool }

// press returns the part of a chunk that goes to the container, and whether the user detaches.
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

// release returns the key that was held back, if any, since no second key followed.
func (k *keyboard) release() []byte {
	if !k.held {
		return nil
	}
	k.held = false
	return []byte(detachKeys[:1])
}
