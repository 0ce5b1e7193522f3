package web

import (
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"meseta/runtime"
)

// Throttle is an [Authenticator] that limits how fast clients can guess: an address from which too many wrong credentials
// came is answered 429, without a look at its credentials, until some time has passed. Requests without credentials are no
// guesses. The first failure of an address is logged, and further ones not before an hour has passed without any.
//
// Differs: Mesos lets clients guess as fast as they can.
type Throttle struct {
	Authenticator
	Now func() time.Time // called on any goroutine
	Log *zerolog.Logger

	mu       sync.Mutex
	failures map[string]*failures // by IP address
}

// failures are those of one address.
type failures struct {
	count float64 // decreases with time
	last  time.Time
}

const (
	burst      = 100  // failures that an address may have at once
	perSecond  = 10   // failures that it may have in the long run
	mostGuests = 4096 // addresses that are remembered
	forgotten  = time.Hour
)

// Authenticate implements [Authenticator].
func (t *Throttle) Authenticate(req *Request) runtime.Future[Authentication] {
	if req.Header.Get("Authorization") == "" {
		return t.Authenticator.Authenticate(req)
	}
	client, _, err := net.SplitHostPort(req.Client)
	if err != nil {
		client = req.Client
	}
	if t.exhausted(client) {
		return runtime.Ready(Authentication{Refusal: Text(http.StatusTooManyRequests, "429 Too Many Requests.")})
	}
	who := t.Authenticator.Authenticate(req)
	who.OnAny(func(who Authentication, err error) {
		if err == nil && who.Principal == nil {
			t.failed(client)
		}
	})
	return who
}

// exhausted reports whether an address has no guesses left.
func (t *Throttle) exhausted(client string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.failures[client]
	return f != nil && f.left(t.Now()) >= burst
}

// left returns the failures that count at now.
func (f *failures) left(now time.Time) float64 {
	return max(0, f.count-perSecond*now.Sub(f.last).Seconds())
}

// failed counts a failure of an address.
func (t *Throttle) failed(client string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.Now()
	f := t.failures[client]
	if f == nil || now.Sub(f.last) > forgotten {
		t.Log.Warn().Str("client", client).Msg("wrong credentials in an HTTP request; further ones from there are not logged")
		f = &failures{last: now}
		t.remember(client, f)
	}
	f.count, f.last = f.left(now)+1, now
}

// remember remembers an address. If there are too many of them, it first forgets those whose failures do not count any
// more, and if these are not enough, all.
func (t *Throttle) remember(client string, f *failures) {
	if len(t.failures) >= mostGuests {
		maps.DeleteFunc(t.failures, func(_ string, old *failures) bool { return old.left(f.last) == 0 })
	}
	if t.failures == nil || len(t.failures) >= mostGuests {
		t.failures = map[string]*failures{}
	}
	t.failures[client] = f
}
