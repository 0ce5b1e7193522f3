package runtime

// RefOf returns the handle of b, for actors that give others a way to call back. b must have been spawned.
func RefOf[B Behavior](b B) Ref[B] {
	a := b.base()
	return Ref[B]{pid: a.self, behavior: b, actor: a}
}
