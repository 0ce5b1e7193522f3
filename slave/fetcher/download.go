package fetcher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"meseta/runtime"
)

// download asks for what is to be copied as the server sends it.
//
// Mesos: net::download.
func download(ctx context.Context, url string, o Options) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	watch := &watchdog{clock: o.Clock, patience: o.StallTimeout, bark: func() { cancel(errStalled) }}
	watch.reset()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		watch.stop()
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, DisableCompression: true, Proxy: http.ProxyFromEnvironment,
	}}
	response, err := client.Do(request)
	if err == nil && response.StatusCode != http.StatusOK {
		response.Body.Close()
		err = fmt.Errorf("received HTTP return code %d", response.StatusCode)
	}
	if err != nil {
		watch.stop()
		if context.Cause(ctx) != nil {
			err = context.Cause(ctx)
		}
		cancel(nil)
		return nil, err
	}
	return &body{response.Body, ctx, watch, cancel}, nil
}

var errStalled = errors.New("the download stands still")

// body is a download that is given up when it stands still.
type body struct {
	io.ReadCloser
	ctx    context.Context
	watch  *watchdog
	cancel context.CancelCauseFunc
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.watch.reset()
	}
	if err != nil && err != io.EOF && context.Cause(b.ctx) != nil {
		err = context.Cause(b.ctx)
	}
	return n, err
}

func (b *body) Close() error {
	b.watch.stop()
	b.cancel(nil)
	return b.ReadCloser.Close()
}

// watchdog barks when it was not reset for longer than its patience.
type watchdog struct {
	clock    runtime.Clock
	patience time.Duration
	bark     func()
	disarm   func() bool
}

func (w *watchdog) reset() {
	w.stop()
	w.disarm = w.clock.AfterFunc(w.patience, w.bark)
}

func (w *watchdog) stop() {
	if w.disarm != nil {
		w.disarm()
	}
}
