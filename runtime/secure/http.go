package secure

import (
	"context"
	"net"
	"net/http"
)

// HTTP returns a transport for clients of HTTP. Requests to https:// are encrypted, and their servers verified, as by
// [Transport.Dial]; requests to http:// are not.
func (t *Transport) HTTP() *http.Transport {
	return &http.Transport{
		DisableCompression: true,
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return t.handshake(ctx, conn, addr)
		},
	}
}
