package fetcher

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// held is a file of the cache that is being used.
type held struct {
	file *os.File
	mode os.FileMode
	item *item
}

func (h *held) release() {
	h.file.Close()
	h.item.release()
}

// uncachedError tells why something does not go through the cache. It may be fetched nevertheless.
type uncachedError struct{ cause error }

// Error implements error.
func (e uncachedError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e uncachedError) Unwrap() error { return e.cause }

// through returns a file of the cache with what a URI names, which is brought there if need be. What somebody else is
// bringing there is waited for. It fails with an uncachedError if it has to be fetched without the cache.
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

// errUnwanted is what becomes of an item when nobody wants any more what it is brought for.
var errUnwanted = errors.New("not wanted any more")

// errAgain tells that an item turned out to be of no use, and is not in the cache any more.
var errAgain = errors.New("the cache's file is of no use")

// obtain returns the file of an item.
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

// fill brings what belongs into an item of the cache: it reads with the rights of the user, and writes with the agent's.
// What comes but cannot be kept may be fetched without the cache.
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

// await waits until somebody else has filled an item. One that was there already must be what the source has now.
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

// check compares an item with what the source has. A source that cannot be asked is as it was.
//
// Differs: Mesos never asks again.
func (f *fetch) check(e *item, s source) error {
	if e.err != nil {
		return errAgain // it failed a moment ago
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
