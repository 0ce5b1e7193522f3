package libprocess_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"meseta/runtime/libprocess"
)

// timed is an ear on whose clock a nanosecond passes whenever somebody looks.
type timed struct {
	*ear
	looks atomic.Int64
}

func (e *timed) Moment() int64 { return e.looks.Add(1) }

// Of messages that were read together eight have the time of the first of them; what is read later has its own.
func TestMessagesReadTogetherCameTogether(t *testing.T) {
	t.Parallel()
	w, err := libprocess.Listen(libprocess.Options{Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	e := &timed{ear: newEar()}
	if err := w.Start(e); err != nil {
		t.Fatal(err)
	}
	here, there := net.Pipe()
	t.Cleanup(func() {
		here.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := w.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	go w.Serve(there)
	go io.Copy(io.Discard, here) //nolint:errcheck // the answers
	const message = "POST /a/b HTTP/1.1\r\nLibprocess-From: a@127.0.0.1:1\r\n\r\n"
	for _, want := range []string{"11111111222222223333", "4"} {
		if _, err := io.WriteString(here, strings.Repeat(message, len(want))); err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if m := take(t, e.messages); m.Came != int64(want[i]-'0') {
				t.Errorf("message %d of %d came at %d; want %c", i, len(want), m.Came, want[i])
			}
		}
	}
}
