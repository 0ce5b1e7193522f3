package ids

import (
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
)

// Container is a mesos.ContainerID. A nested container is written as Mesos prints it: the values from the outermost to
// the innermost, joined by dots.
type Container string

// ContainerOf returns the id in p with its parents; the empty one if p is nil.
func ContainerOf(p *mesospb.ContainerID) Container {
	if p == nil {
		return ""
	}
	if p.GetParent() == nil {
		return Container(p.GetValue())
	}
	return ContainerOf(p.GetParent()) + "." + Container(p.GetValue())
}

// Proto returns the message id travels in.
func (id Container) Proto() *mesospb.ContainerID {
	var p *mesospb.ContainerID
	for _, value := range strings.Split(string(id), ".") {
		p = &mesospb.ContainerID{Value: proto.String(value), Parent: p}
	}
	return p
}

// Parent is the container that a nested one is in; "" for one that is not nested.
func (id Container) Parent() Container {
	dot := strings.LastIndexByte(string(id), '.')
	return id[:max(dot, 0)]
}

// Root is the outermost container that id is in, or id itself.
func (id Container) Root() Container {
	root, _, _ := strings.Cut(string(id), ".")
	return Container(root)
}

func (id Container) String() string { return string(id) }
