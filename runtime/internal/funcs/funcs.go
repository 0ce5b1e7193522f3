// Package funcs names functions.
package funcs

import (
	"reflect"
	"runtime"
	"strings"
)

// Entry is the entry of the function f, by which it can be named later.
func Entry(f any) uintptr { return reflect.ValueOf(f).Pointer() }

// Name names the function that starts at entry, without its package's path: "master.(*Master).offer". It is empty if there
// is none.
func Name(entry uintptr) string {
	f := runtime.FuncForPC(entry)
	if f == nil {
		return ""
	}
	name := f.Name()
	return name[strings.LastIndexByte(name, '/')+1:]
}
