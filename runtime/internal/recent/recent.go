// Package recent keeps the last few of many things, for a report.
package recent

// most is how many are kept.
const most = 16

// Few are the last things. It grows with what comes; the zero Few is empty. It is for one goroutine at a time.
type Few[T any] struct {
	kept  []T
	count uint
}

// Next returns where the next thing is to be written: it holds an old one.
func (f *Few[T]) Next() *T {
	if len(f.kept) < most {
		var none T
		f.kept = append(f.kept, none)
	}
	next := &f.kept[f.count%most]
	f.count++
	return next
}

// All yields what is kept, oldest first.
func (f *Few[T]) All(yield func(*T) bool) {
	for i := f.count - min(f.count, most); i < f.count; i++ {
		if !yield(&f.kept[i%most]) {
			return
		}
	}
}
