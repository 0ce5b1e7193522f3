package runtime

import "meseta/runtime/internal/turns"

// Labelled reports whether the label of b, once traced, is still kept.
func Labelled(b Behavior) bool {
	traced := b.base().traced
	return traced != nil && traced.label.Kept()
}

// ChecksTurns reports whether this is a build that checks where an actor's methods are called.
const ChecksTurns = turns.Checked
