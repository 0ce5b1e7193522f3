package runtime

import "math/rand/v2"

// Rand is the node's source of randomness, for what is drawn before there is an actor; safe for concurrent use. In the
// simulator it follows from the seed.
func (n *Node) Rand() *rand.Rand { return n.rand }
