package program

import (
	"path/filepath"
	"runtime"
	"strconv"
	"sync"

	"github.com/rs/zerolog"
)

// position says of each event in which line it was logged, as glog does: "accept.go:198". zerolog's own way looks the
// line up again for each event, which is a quarter of what logging it takes.
type position struct{}

// positions are the lines that have logged, by their program counters.
var positions = struct {
	sync.RWMutex
	known map[uintptr]string
}{known: map[uintptr]string{}}

// Run implements [zerolog.Hook].
func (position) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	var pc [1]uintptr
	if runtime.Callers(4, pc[:]) > 0 { // the caller of the Msg, Msgf or Send that called zerolog's msg, which called this
		e.Str(zerolog.CallerFieldName, positionOf(pc))
	}
}

func positionOf(pc [1]uintptr) string {
	positions.RLock()
	p, known := positions.known[pc[0]]
	positions.RUnlock()
	if !known {
		frame, _ := runtime.CallersFrames(pc[:]).Next()
		p = filepath.Base(frame.File) + ":" + strconv.Itoa(frame.Line)
		positions.Lock()
		positions.known[pc[0]] = p
		positions.Unlock()
	}
	return p
}
