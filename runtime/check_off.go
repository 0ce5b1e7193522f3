//go:build !race

package runtime

// checksTurns reports whether an actor's methods check that they are called on its turn. It is a constant, so that what
// depends on it costs nothing in other builds.
const checksTurns = false

func enterTurns(*Actor) (leave func()) { return func() {} }
func mustBeOnTurn(*Actor)              {}
func mustBeOffTurn(string)             {}
