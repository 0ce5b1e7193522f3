package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"meseta/runtime"
)

// pollers request all of /state again and again, each at its own times.
type pollers struct {
	every   time.Duration
	answers atomic.Int64
	bytes   atomic.Int64
	failed  atomic.Pointer[error]
}

func newPollers(every string) (*pollers, error) {
	d, err := time.ParseDuration(every)
	return &pollers{every: d}, err
}

// enter implements [role].
func (p *pollers) enter(node *runtime.Node, at string, people int) error {
	for i := range people {
		one := &poller{pollers: p, url: "http://" + at + "/state", wait: p.every * time.Duration(i) / time.Duration(people)}
		if _, err := runtime.Spawn(node, node.NewID("poller"), one); err != nil {
			return err
		}
	}
	return nil
}

// answer implements [role]. "polls" returns the number of complete answers, unless one failed.
func (p *pollers) answer(question string) (string, error) {
	if err := p.failed.Load(); err != nil {
		return "", *err
	}
	return fmt.Sprint(p.answers.Load()), nil
}

// poller is one such client.
type poller struct {
	runtime.Actor
	*pollers
	url  string
	wait time.Duration // before the first request
}

// Initialize implements [runtime.Initializer].
func (p *poller) Initialize() { p.Delay(p.wait, p.poll) }

// poll sends a request, and again when the interval is over and the answer has arrived.
func (p *poller) poll() {
	next := p.Now().Add(p.every)
	asked := runtime.Go(p, func(ctx context.Context) (struct{}, error) { return struct{}{}, p.read(ctx) })
	runtime.Await(p, asked, func(_ struct{}, err error) {
		if err != nil {
			p.failed.Store(&err)
			return
		}
		p.answers.Add(1)
		p.Delay(max(0, next.Sub(p.Now())), p.poll)
	})
}

func (p *poller) read(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", p.url, response.Status)
	}
	size, err := io.Copy(io.Discard, response.Body)
	p.bytes.Add(size)
	return err
}

// client keeps a connection for each poller.
var client = http.Client{Transport: &http.Transport{
	DisableCompression: true, MaxIdleConnsPerHost: 1000, ReadBufferSize: 64 << 10,
}}
