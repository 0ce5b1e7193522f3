package runtime

// Profiled reports whether the label of b, once traced, is still kept.
func Profiled(b Behavior) bool {
	p := b.base().profile
	if p == nil {
		return false
	}
	_, kept := profiles.Load(p.label)
	return kept
}

// ChecksTurns reports whether this is a build that checks where an actor's methods are called.
const ChecksTurns = checksTurns
