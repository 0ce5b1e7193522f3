package libprocess

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
)

// FuzzRequest feeds foreign bytes to the parser: it may refuse, but it neither panics nor takes more than its limits.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"POST /master/mesos.internal.PongSlaveMessage HTTP/1.1\r\nUser-Agent: libprocess/slave(1)@127.0.0.1:5051\r\nLibprocess-From: slave(1)@127.0.0.1:5051\r\nConnection: Keep-Alive\r\nHost: 127.0.0.1:5050\r\n\r\n",
		"POST /a/b HTTP/1.1\r\nLibprocess-From: a@127.0.0.1:1\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: u\r\n\r\n",
		"GET /state?jsonp=f HTTP/1.0\r\nAccept-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
		"\r\n\r\nGET / HTTP/1.1\nA:b\n\n",
	} {
		f.Add([]byte(seed))
	}
	const maxHead, maxBody = 512, 256
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(data), 16)
		var h head
		var body []byte
		for {
			err := h.readHead(r, maxHead)
			if err == nil {
				body, err = readBody(r, &h, body[:0], maxBody)
			}
			if len(h.raw) > maxHead || len(body) > maxBody {
				t.Fatalf("kept %d bytes of head, %d of body", len(h.raw), len(body))
			}
			var malformed *badRequest
			switch {
			case err == nil:
				h.header()
				if h.message() {
					parseTarget(string(h.target)) //nolint:errcheck // it may refuse
				}
				continue
			case errors.As(err, &malformed):
				if malformed.status < 400 || malformed.why == "" {
					t.Fatalf("refused with %+v", malformed)
				}
			case err != io.EOF && err != io.ErrUnexpectedEOF:
				t.Fatalf("ended with %v", err)
			}
			return
		}
	})
}
