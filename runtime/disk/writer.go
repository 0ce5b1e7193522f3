package disk

import (
	"context"
	"path/filepath"
	"time"

	"meseta/runtime"
)

// Writer is an actor that makes the changes of many other actors together: what is given to it while it writes is
// written as one group afterwards, whose files are synced side by side. One commit of the file system's journal then
// serves all of them, where each alone would take one. In traces a group is caused by the first that was given, and what
// follows from each by what gave it.
type Writer struct {
	runtime.Actor
	commits  *committer
	waiting  []request
	begin    func()        // writes what is waiting; made by the first of it
	writing  *portion      // nil: nothing is being written
	settling bool          // what was written ahead is being synced, beside changes
	due      runtime.Timer // it is then
}

// settleAfter is how long what was written to a journal may wait until the files themselves are synced.
const settleAfter = 30 * time.Second

// request is a batch and the promise of its result.
type request struct {
	batch Batch
	done  runtime.Promise[struct{}]
}

// NewWriter returns a writer, which the caller spawns. It changes names below root. If root exists, it is taken to be on
// the medium, as the directories above it are.
func NewWriter(d Disk, root string) *Writer { return &Writer{commits: newCommitter(d, root)} }

// NewJournaled returns a writer that writes what is given to it to a journal first, in root: one sync of one file then
// serves all changes of a group. The files are synced within settleAfter, many together. [Recover] has to be called for root
// before.
func NewJournaled(d Disk, root string) *Writer {
	w := NewWriter(d, root)
	w.commits.journal = &journal{disk: d, root: filepath.Clean(root)}
	return w
}

// Write makes the changes of b after those of every batch that was given to the writer before. The future completes when
// they are on the medium, and so is every directory on the way to them. It fails with the first error; changes of other
// batches are made nevertheless.
func (w *Writer) Write(b Batch) runtime.Future[struct{}] {
	r := request{batch: b, done: runtime.Owe[struct{}](w)}
	if w.waiting = append(w.waiting, r); len(w.waiting) == 1 {
		w.begin = runtime.BegunHere(w, w.write)
	}
	w.next()
	return runtime.CausedHere(w, r.done.Future())
}

// next writes what waits, unless something is being written.
func (w *Writer) next() {
	if w.writing == nil && len(w.waiting) > 0 {
		w.begin()
	}
}

// write writes what waits.
func (w *Writer) write() {
	all, now := w.waiting, &portion{batches: batches(w.waiting)}
	w.waiting, w.writing = nil, now
	written := runtime.Go(w, func(context.Context) ([]error, error) { return w.commits.commit(now), nil })
	runtime.Await(w, written, func(errs []error, _ error) {
		answer(all, errs)
		w.writing = nil
		w.tend()
		w.next()
	})
}

// tend has the journal settled soon, if it has records.
func (w *Writer) tend() {
	switch size := w.commits.unsettled(); {
	case w.settling || size == 0:
	case size >= maxSegment:
		w.settle()
	case !w.due.Active():
		w.due = w.Delay(settleAfter, w.settle)
	}
}

// settle syncs what was written ahead, while more is written.
func (w *Writer) settle() {
	if w.settling {
		return
	}
	w.due.Cancel()
	w.settling = true
	settled := runtime.Go(w, func(context.Context) (struct{}, error) { return struct{}{}, w.commits.settle() })
	runtime.Await(w, settled, func(_ struct{}, err error) {
		w.settling = false
		if err != nil {
			w.Log().Warn().Err(err).Msg(unsettled)
			w.due = w.Delay(settleAfter, w.settle)
			return
		}
		w.tend()
	})
}

const unsettled = "journal is kept, since the files that it is about could not be synced"

func batches(all []request) []Batch {
	found := make([]Batch, 0, len(all))
	for _, r := range all {
		found = append(found, r.batch)
	}
	return found
}

func answer(all []request, errs []error) {
	for i, r := range all {
		if errs[i] != nil {
			r.done.Fail(errs[i])
		} else {
			r.done.Set(struct{}{})
		}
	}
}

// Finalize writes what is left, and first what was to be written and perhaps was not begun.
func (w *Writer) Finalize() {
	last := &portion{batches: batches(w.waiting)}
	portions := []*portion{last}
	if w.writing != nil {
		portions = []*portion{w.writing, last}
	}
	if err := w.commits.finish(portions...); err != nil {
		w.Log().Warn().Err(err).Msg(unsettled)
	}
	for _, err := range last.errs {
		if err != nil {
			w.Log().Warn().Err(err).Msg("not written")
		}
	}
	answer(w.waiting, last.errs)
}
