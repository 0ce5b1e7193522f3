package runtime

import "reflect"

// Extension returns the T that n keeps for a package beside this one, such as what package web knows of the node's
// requests. The first call for a T makes it, once; make must not ask for the same T again. T is a type of the caller's
// own package, which keeps others away from it. Extension may be called from any goroutine.
func Extension[T any](n *Node, make func(*Node) *T) *T {
	key := reflect.TypeFor[T]()
	if kept, ok := n.extensions.Load(key); ok {
		return kept.(*T)
	}
	n.extending.Lock()
	defer n.extending.Unlock()
	if kept, ok := n.extensions.Load(key); ok {
		return kept.(*T)
	}
	made := make(n)
	n.extensions.Store(key, made)
	return made
}

// Local returns the T that b keeps for a package beside this one, such as its routes for package web. The first call for
// a T makes a zero one. T is a type of the caller's own package. Local may be called only on turns of b.
func Local[T any](b Behavior) *T {
	a := b.base()
	a.onTurn()
	if a.locals == nil {
		a.locals = new([]any)
	}
	for _, kept := range *a.locals {
		if t, ok := kept.(*T); ok {
			return t
		}
	}
	t := new(T)
	*a.locals = append(*a.locals, t)
	return t
}
