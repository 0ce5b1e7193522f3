package docker

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"meseta/runtime"
)

var errStalled = errors.New("the download stands still")

// patient is a transport that gives up when nothing arrives for a while.
//
// Mesos: CURLOPT_LOW_SPEED_TIME in the Docker fetcher (--fetcher_stall_timeout).
type patient struct {
	http.RoundTripper
	clock   runtime.Clock
	timeout time.Duration // 0 means never
}

// RoundTrip implements http.RoundTripper.
func (p patient) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.timeout == 0 {
		return p.RoundTripper.RoundTrip(r)
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	l := &line{cancel: cancel, ctx: ctx, patient: p}
	l.wait()
	response, err := p.RoundTripper.RoundTrip(r.WithContext(ctx))
	if err != nil {
		err = l.cause(err)
		l.close()
		return nil, err
	}
	response.Body = &download{response.Body, l}
	return response, nil
}

// line is a connection on which something has to arrive.
type line struct {
	patient
	ctx    context.Context
	cancel context.CancelCauseFunc
	disarm func() bool
}

func (l *line) wait() {
	if l.disarm != nil {
		l.disarm()
	}
	l.disarm = l.clock.AfterFunc(l.timeout, func() { l.cancel(errStalled) })
}

// cause returns why the connection was given up if it was, and err otherwise.
func (l *line) cause(err error) error {
	if err != nil && !errors.Is(err, io.EOF) && errors.Is(context.Cause(l.ctx), errStalled) {
		return errStalled
	}
	return err
}

func (l *line) close() {
	l.disarm()
	l.cancel(nil)
}

// download is the body of a response.
type download struct {
	io.ReadCloser
	line *line
}

// Read implements io.Reader.
func (d *download) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	if n > 0 {
		d.line.wait()
	}
	return n, d.line.cause(err)
}

// Close implements io.Closer.
func (d *download) Close() error {
	err := d.ReadCloser.Close()
	d.line.close()
	return err
}
