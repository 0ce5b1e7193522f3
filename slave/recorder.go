package slave

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/runtime"
)

// recorder writes checkpoints, one after another, off every actor's turn. It is an actor of its own so that the agent
// need not wait, and so that what was written first is on disk first.
//
// An agent whose checkpoints cannot be written would promise what a restart breaks, so it ends: failed is told.
type recorder struct {
	runtime.Actor
	failed func(error)
	queue  []func() error
	busy   bool
}

func (r *recorder) do(work func() error) {
	r.queue = append(r.queue, work)
	r.next()
}

func (r *recorder) next() {
	if r.busy || len(r.queue) == 0 {
		return
	}
	work := r.queue[0]
	r.queue, r.busy = r.queue[1:], true
	done := runtime.Go(r, func(context.Context) (struct{}, error) { return struct{}{}, work() })
	runtime.Await(r, done, func(_ struct{}, err error) {
		r.busy = false
		if err != nil {
			r.failed(fmt.Errorf("checkpoint: %w", err))
		}
		r.next()
	})
}

// Finalize writes what is left.
func (r *recorder) Finalize() {
	for _, work := range r.queue {
		if err := work(); err != nil {
			r.Log().Warn().Err(err).Msg("checkpoint not written")
		}
	}
}

// message records a protobuf in the form of Mesos: its length in four bytes, little-endian, and itself.
func (r *recorder) message(path string, m proto.Message) {
	body, err := proto.Marshal(m)
	if err != nil {
		r.failed(fmt.Errorf("checkpoint %s: %w", path, err))
		return
	}
	r.text(path, string(binary.LittleEndian.AppendUint32(nil, uint32(len(body))))+string(body))
}

// text records a string as it is.
func (r *recorder) text(path, content string) {
	r.do(func() error { return replaceFile(path, []byte(content)) })
}

func (r *recorder) directory(path string) { r.do(func() error { return os.MkdirAll(path, 0o755) }) }

func (r *recorder) link(target, name string) { r.do(func() error { return link(target, name) }) }

func (r *recorder) remove(path string) { r.do(func() error { return os.RemoveAll(path) }) }

// touch makes directories look as if they had changed at now, so that their age counts from the end of their use.
func (r *recorder) touch(now time.Time, paths []string) {
	r.do(func() error {
		for _, p := range paths {
			_ = os.Chtimes(p, now, now) // one that is gone need not be old
		}
		return nil
	})
}

// replaceFile writes a file that is either the old or the new one for whoever reads it.
func replaceFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
