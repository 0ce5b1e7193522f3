package ids

import (
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
)

// Container is a mesos.ContainerID. The ID of a nested container is written as Mesos prints it: the values from the
// outermost to the innermost container, joined by dots.
type Container string

// ContainerOf returns the ID in p including its parents, or the empty ID if p is nil.
func ContainerOf(p *mesospb.ContainerID) Container {
	if p == nil {
		return ""
	}
	if p.GetParent() == nil {
		return Container(p.GetValue())
	}
	return ContainerOf(p.GetParent()) + "." + Container(p.GetValue())
}

// Proto returns id as a message.
func (id Container) Proto() *mesospb.ContainerID {
	var p *mesospb.ContainerID
	for _, value := range strings.Split(string(id), ".") {
		p = &mesospb.ContainerID{Value: proto.String(value), Parent: p}
	}
	return p
}

// Parent returns the ID of the enclosing container, or "" if the container is not nested.
func (id Container) Parent() Container {
	dot := strings.LastIndexByte(string(id), '.')
	return id[:max(dot, 0)]
}

// Root returns the ID of the outermost enclosing container, or id itself if the container is not nested.
func (id Container) Root() Container {
	root, _, _ := strings.Cut(string(id), ".")
	return Container(root)
}

func (id Container) String() string { return string(id) }
