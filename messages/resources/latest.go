package resources

import (
	"slices"

	"meseta/messages/pb/mesospb"
)

// Latest remembers what was made of the latest list of resources, because many lists in a row are often of the same messages:
// package sharing decodes equal resources once. The zero value remembers nothing.
type Latest[V any] struct {
	list  []*mesospb.Resource
	value V
}

// Of returns what make makes of a list, which must not be changed.
func (l *Latest[V]) Of(list []*mesospb.Resource, make func([]*mesospb.Resource) V) V {
	if l.list == nil || !slices.Equal(l.list, list) {
		l.list, l.value = list, make(list)
	}
	return l.value
}
