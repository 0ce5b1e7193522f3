package replicatedlog

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/syndtr/goleveldb/leveldb/journal"
)

// Of a journal that is cut off anywhere, exactly the records that are whole remain, also where they cross blocks.
func TestFinished(t *testing.T) {
	t.Parallel()
	dice := rand.New(rand.NewPCG(1, 2))
	var text bytes.Buffer
	w := journal.NewWriter(&text)
	ends := []int{0}
	for _, size := range []int{10, blockSize - 40, 5, 3 * blockSize, 0, 1, blockSize - 20, 100} {
		record, err := w.Next()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := record.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, text.Len())
	}
	for range 2000 {
		cut := dice.IntN(text.Len() + 1)
		want := 0
		for _, end := range ends {
			if end <= cut {
				want = end
			}
		}
		got := len(finished(text.Bytes()[:cut]))
		if filler := got - want; got < want || filler >= headerSize {
			t.Fatalf("cut at %d: %d bytes remain, want %d", cut, got, want)
		}
	}
}

// Whatever a journal is, its beginning remains.
func FuzzFinished(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 2, 0, chunkFull, 5, 6, 7})
	f.Fuzz(func(t *testing.T, data []byte) {
		if got := finished(data); !bytes.HasPrefix(data, got) {
			t.Errorf("got %q", got)
		}
	})
}
