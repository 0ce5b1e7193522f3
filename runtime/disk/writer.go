package disk

import (
	"context"

	"meseta/runtime"
)

// Writer is an actor that makes the changes of many other actors together: what is given to it while it writes is
// written as one group afterwards, whose files are synced side by side. One commit of the file system's journal then
// serves all of them, where each alone would take one.
type Writer struct {
	runtime.Actor
	commits *committer
	waiting []request
	busy    bool
}

// request is a batch and the promise of its result.
type request struct {
	batch Batch
	done  runtime.Promise[struct{}]
}

// NewWriter returns a writer, which the caller spawns. It changes names below root. If root exists, it is taken to be on
// the medium, as the directories above it are.
func NewWriter(d Disk, root string) *Writer { return &Writer{commits: newCommitter(d, root)} }

// Write makes the changes of b after those of every batch that was given to the writer before. The future completes when
// they are on the medium, and so is every directory on the way to them. It fails with the first error; changes of other
// batches are made nevertheless.
func (w *Writer) Write(b Batch) runtime.Future[struct{}] {
	r := request{batch: b, done: runtime.Owe[struct{}](w)}
	w.waiting = append(w.waiting, r)
	w.next()
	return r.done.Future()
}

// next writes what waits, unless something is being written.
func (w *Writer) next() {
	if w.busy || len(w.waiting) == 0 {
		return
	}
	all := w.waiting
	w.waiting, w.busy = nil, true
	written := runtime.Go(w, func(context.Context) ([]error, error) { return w.commits.commit(batches(all)), nil })
	runtime.Await(w, written, func(errs []error, _ error) {
		settle(all, errs)
		w.busy = false
		w.next()
	})
}

func batches(all []request) []Batch {
	found := make([]Batch, 0, len(all))
	for _, r := range all {
		found = append(found, r.batch)
	}
	return found
}

func settle(all []request, errs []error) {
	for i, r := range all {
		if errs[i] != nil {
			r.done.Fail(errs[i])
		} else {
			r.done.Set(struct{}{})
		}
	}
}

// Finalize writes what is left.
func (w *Writer) Finalize() {
	errs := w.commits.commit(batches(w.waiting))
	for _, err := range errs {
		if err != nil {
			w.Log().Warn().Err(err).Msg("not written")
		}
	}
	settle(w.waiting, errs)
}
