// Package turns bounds the containers that are being launched at the same time.
//
// A container holds a dozen descriptors from its preparation until its process has started. If all of two thousand were prepared
// before the first one starts, an agent would run out of them. So each container has its turn, which lasts until its process
// has started.
//
// That must not let one wait for another that waits for somebody else, such as a server with its files. Only containers that need
// nothing but this machine take turns.
package turns

import (
	"context"
	"slices"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
)

// Most is the number of turns that are had at the same time. It keeps the processors busy, and descriptors below a thousand.
const Most = 64

// Turns are those of an agent.
type Turns struct{ had chan struct{} }

// New returns turns of which nobody has one.
func New() Turns { return Turns{make(chan struct{}, Most)} }

// Take waits for a turn, first come first served, unless the container needs none. It fails when ctx ends. Who has one ends it with
// [Turns.Pass].
func (t Turns) Take(ctx context.Context, c *slavepb.ContainerConfig) (had bool, err error) {
	if !quick(c) {
		return false, nil
	}
	select {
	case t.had <- struct{}{}:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// Pass ends a turn, if it was had.
func (t Turns) Pass(had bool) {
	if had {
		<-t.had
	}
}

// quick reports whether nobody else can delay the launch of a container: it has no image, volume or network, and neither files nor
// secrets to fetch.
func quick(c *slavepb.ContainerConfig) bool {
	command := c.GetCommandInfo()
	secret := func(v *mesospb.Environment_Variable) bool { return v.Secret != nil }
	return c.ContainerInfo == nil && len(command.GetUris()) == 0 && !slices.ContainsFunc(command.GetEnvironment().GetVariables(), secret)
}
