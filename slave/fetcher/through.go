package fetcher

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// held is an open file of the cache, for use by one fetch.
type held struct {
	file *os.File
	mode os.FileMode
	item *item
}

func (h *held) release() {
	h.file.Close()
	h.item.release()
}

// uncachedError tells why a URI cannot be fetched through the cache, although it may be fetched without it.
type uncachedError struct{ cause error }

// Error implements error.
func (e uncachedError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e uncachedError) Unwrap() error { return e.cause }

// through returns the cached file of a URI, and fetches it into the cache first if necessary. If another fetch is doing
// so, through waits for it. An uncachedError means that the URI must be fetched without the cache.
func (f *fetch) through(uri string) (*held, error) {
	s, err := f.source(uri)
	if err != nil {
		return nil, err
	}
	k := key{uri: uri}
	if f.Owner != nil {
		k.user = f.Owner.Name
	}
	for {
		e, mine, err := f.Cache.take(k)
		if err != nil {
			return nil, uncachedError{err}
		}
		h, err := f.obtain(e, mine, s)
		if err == nil {
			return h, nil
		}
		e.release()
		if !errors.Is(err, errAgain) {
			return nil, err
		}
	}
}

// errUnwanted is the error of an item whose fetch was canceled.
var errUnwanted = errors.New("not wanted any more")

// errAgain means that an item was unusable and has been removed from the cache: the caller should take another.
var errAgain = errors.New("the cached file is unusable")

// obtain opens the file of an item, after filling it or waiting for it.
func (f *fetch) obtain(e *item, mine bool, s source) (*held, error) {
	var err error
	if mine {
		err = f.fill(e, s)
		if f.ctx.Err() != nil {
			e.finish(errUnwanted)
		} else {
			e.finish(err)
		}
	} else {
		err = f.await(e, s)
	}
	if err != nil {
		return nil, err
	}
	file, err := e.open()
	if err != nil && mine {
		e.forget()
		return nil, uncachedError{err}
	}
	if err != nil {
		e.forget()
		return nil, errAgain
	}
	return &held{file, e.mode, e}, nil
}

// fill fetches the file of an item. It reads with the rights of the user and writes with those of the agent. Failing to
// write is an uncachedError.
func (f *fetch) fill(e *item, s source) error {
	var in *content
	if err := f.as(func() (err error) { in, err = s.open(); return err }); err != nil {
		return err
	}
	defer func() { _ = f.as(in.Close) }()
	if in.size < 0 {
		return uncachedError{errors.New("Could not determine size of cache file")}
	}
	if err := f.Cache.reserve(e, uint64(in.size)); err != nil {
		return uncachedError{err}
	}
	file, err := e.create()
	if err != nil {
		return uncachedError{err}
	}
	e.from, e.mode = in.traits, in.mode
	out := &output{file: file, of: f}
	err = closed(out, f.as(func() error { return out.fill(in) }))
	if err == nil || f.ctx.Err() != nil || errors.Is(err, errStalled) {
		return err
	}
	return uncachedError{err}
}

// await waits until another fetch has filled an item. An item that was filled before is compared with its source.
func (f *fetch) await(e *item, s source) error {
	select {
	case <-e.done:
		return f.check(e, s)
	default:
	}
	select {
	case <-e.done:
	case <-f.ctx.Done():
		return context.Cause(f.ctx)
	}
	switch {
	case e.err == nil:
		return nil
	case errors.Is(e.err, errUnwanted):
		return errAgain
	}
	return uncachedError{fmt.Errorf("another fetch of it failed: %w", e.err)}
}

// check compares an item with its source. If the source cannot be reached, the item is taken to be current.
//
// Differs: Mesos does not check.
func (f *fetch) check(e *item, s source) error {
	if e.err != nil {
		return errAgain // it has just failed
	}
	var now traits
	err := f.as(func() (err error) { now, err = s.look(); return err })
	if cause := context.Cause(f.ctx); cause != nil {
		return cause
	}
	var gone goneError
	if errors.As(err, &gone) || err == nil && e.from.differ(now) {
		e.forget()
		return errAgain
	}
	return nil
}
