package fetcher

import (
	"context"
	"errors"
	"io"
	"time"

	"meseta/runtime"
)

var errStalled = errors.New("the download stands still")

// line is a connection to a server. It is canceled when no data arrives for the stall timeout.
//
// Mesos: CURLOPT_LOW_SPEED_TIME in net::download.
type line struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	watch  *watchdog
}

func (f *fetch) line() *line {
	ctx, cancel := context.WithCancelCause(f.ctx)
	l := &line{ctx: ctx, cancel: cancel}
	l.watch = &watchdog{clock: f.Clock, patience: f.StallTimeout, bark: func() { cancel(errStalled) }}
	l.watch.reset()
	return l
}

// cause returns why the line was canceled if it was, and err otherwise.
func (l *line) cause(err error) error {
	if err != nil && !errors.Is(err, io.EOF) && context.Cause(l.ctx) != nil {
		return context.Cause(l.ctx)
	}
	return err
}

func (l *line) close() {
	l.watch.stop()
	l.cancel(nil)
}

// body is a download over a line. Data that arrives restarts the stall timeout.
type body struct {
	io.ReadCloser
	line *line
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.line.watch.reset()
	}
	return n, b.line.cause(err)
}

// Close implements [io.Closer].
func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.line.close()
	return err
}

// watchdog calls bark when it was not reset for as long as its patience. A patience of 0 means never.
type watchdog struct {
	clock    runtime.Clock
	patience time.Duration
	bark     func()
	disarm   func() bool
}

func (w *watchdog) reset() {
	w.stop()
	if w.patience == 0 {
		return
	}
	w.disarm = w.clock.AfterFunc(w.patience, w.bark)
}

func (w *watchdog) stop() {
	if w.disarm != nil {
		w.disarm()
	}
}
