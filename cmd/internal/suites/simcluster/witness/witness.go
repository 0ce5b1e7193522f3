// Package witness watches what masters that share a registry read and write there.
package witness

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"meseta/actors/registrar"
	"meseta/actors/registrar/replicated"
	"meseta/runtime"
)

// Witness sees all that masters read from the registry they share, and all that they write, and knows what must not be: that
// a leader does not find what was acknowledged, and that one writes when the next one has read.
type Witness struct {
	fail func(problem string)
	term registrar.Term    // the latest one that has begun
	read map[string][]byte // the records when it began
	// values are what each record may be: the value that was acknowledged last, and those that were written since, by writes of
	// which nobody knows what has become.
	values map[string][][]byte
	writes int // acknowledged
	terms  int
}

// New returns a witness that calls fail for what must not be.
func New(fail func(problem string)) *Witness {
	return &Witness{fail: fail, read: map[string][]byte{}, values: map[string][][]byte{}}
}

// watched is the access of one master to the registry, with a witness.
type watched struct {
	*replicated.Replica
	witness *Witness
}

// Watch returns the access r with the witness.
func (w *Witness) Watch(r *replicated.Replica) registrar.Replica { return watched{r, w} }

// Lead implements [registrar.Replica].
func (w watched) Lead() runtime.Future[registrar.Led] {
	led := w.Replica.Lead()
	led.OnAny(func(l registrar.Led, err error) {
		if err == nil {
			w.witness.begins(l)
		}
	})
	return led
}

// Commit implements [registrar.Replica].
func (w watched) Commit(term registrar.Term, changes []registrar.Change) runtime.Future[struct{}] {
	for _, c := range changes {
		if term >= w.witness.term {
			w.witness.values[c.Key] = append(w.witness.may(c.Key), c.Value)
		}
	}
	done := w.Replica.Commit(term, changes)
	done.OnAny(func(_ struct{}, err error) {
		if err == nil {
			w.witness.wrote(term, changes)
		}
	})
	return done
}

// may returns what a record may be. One that was never written is not there.
func (w *Witness) may(key string) [][]byte {
	if all, known := w.values[key]; known {
		return all
	}
	return [][]byte{nil}
}

// begins is the beginning of a term.
func (w *Witness) begins(l registrar.Led) {
	w.terms++
	if l.Term <= w.term {
		return // its master does not lead any more, and has not heard of it
	}
	w.term, w.read = l.Term, l.Records
	for _, key := range slices.Sorted(maps.Keys(w.values)) {
		defer func() { w.values[key] = [][]byte{l.Records[key]} }()
		if !containsValue(w.may(key), l.Records[key]) {
			w.fail(fmt.Sprintf("term %d begins without what was acknowledged of %q", l.Term, key))
		}
	}
}

// wrote is the acknowledgement of a write.
func (w *Witness) wrote(term registrar.Term, changes []registrar.Change) {
	w.writes++
	for _, c := range changes {
		if term < w.term && !bytes.Equal(w.read[c.Key], c.Value) {
			w.fail(fmt.Sprintf("%q is written in term %d, which has ended: the leader of term %d does not know it", c.Key, term, w.term))
			continue
		}
		if term >= w.term {
			w.values[c.Key] = [][]byte{c.Value}
		}
	}
}

func containsValue(all [][]byte, value []byte) bool {
	return slices.ContainsFunc(all, func(one []byte) bool { return bytes.Equal(one, value) && (one == nil) == (value == nil) })
}

// Counts returns how many terms and how many acknowledged writes there were.
func (w *Witness) Counts() (terms, writes int) { return w.terms, w.writes }
