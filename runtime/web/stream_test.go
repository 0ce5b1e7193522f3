package web_test

import (
	"bytes"
	"errors"
	"testing"

	"meseta/runtime/web"
	"meseta/runtime/web/webtest"
)

// A client may be at a chunk of any length, and lag 64 MiB behind it, but no more.
func TestStreamBoundsWhatWaits(t *testing.T) {
	t.Parallel()
	s := web.NewStream()
	cut := false
	webtest.Attach(s, func() { cut = true })
	mebibyte := make([]byte, 1<<20)
	if err := s.Write(make([]byte, 100<<20)); err != nil {
		t.Fatal(err)
	}
	for i := range 64 {
		if err := s.Write(mebibyte); err != nil {
			t.Fatalf("after %d MiB: %v", i, err)
		}
	}
	if err := s.Write(mebibyte); !errors.Is(err, web.ErrStreamClosed) || !cut {
		t.Errorf("after 64 MiB: %v, cut %t", err, cut)
	}
	if s.Buffered() != 0 {
		t.Errorf("%d bytes are kept for nobody", s.Buffered())
	}
}

// What the wire is about to send is in memory, as what waits is.
func TestStreamCountsWhatTheWireHolds(t *testing.T) {
	t.Parallel()
	s := web.NewStream()
	shared := web.NewChunks([][]byte{[]byte("ab"), []byte("c")})
	if err := errors.Join(s.Write([]byte("1234")), s.WriteShared(shared)); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		buffered int
		chunks   string
	}{{7, "1234 ab c"}, {7, ""}, {0, ""}} {
		if got := s.Buffered(); got != want.buffered {
			t.Errorf("%d: %d bytes are buffered; want %d", i, got, want.buffered)
		}
		chunks, _ := webtest.Take(s)
		if got := string(bytes.Join(chunks, []byte(" "))); got != want.chunks {
			t.Errorf("%d: took %q; want %q", i, got, want.chunks)
		}
	}
}
