package ids

import (
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/mesospb"
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

func (id Container) String() string { return string(id) }
