// Package hooks finds methods that look like hooks and would never be called.
package hooks

import (
	"fmt"
	"reflect"
)

// Hook is an optional method.
type Hook struct {
	Name string
	Has  bool   // the value has it, with its signature
	Want string // how it is declared: "Initialize()"
}

// Check refuses a value that has a method of the name of a hook, but not its signature.
func Check(v any, hooks ...Hook) error {
	t := reflect.TypeOf(v)
	for _, h := range hooks {
		if h.Has {
			continue
		}
		if m, found := t.MethodByName(h.Name); found {
			return fmt.Errorf("runtime: %s of %s is %s and would never be called; want %s", h.Name, t, m.Type, h.Want)
		}
	}
	return nil
}
