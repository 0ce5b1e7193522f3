package fetcher

import (
	"fmt"
	"net/http"

	runtimeweb "meseta/runtime/web"
)

// web is the [source] of http and https URIs.
//
// Mesos: net::download.
type web struct {
	f    *fetch
	url  string
	sign func(*http.Request) // signs requests; nil: they are not signed
}

// open implements [source].
func (w web) open() (*content, error) {
	l := w.f.line()
	response, err := w.ask(l, http.MethodGet)
	if err != nil {
		l.close()
		return nil, err
	}
	return &content{ReadCloser: &body{response.Body, l}, mode: 0o644, traits: traitsOf(response)}, nil
}

// look implements [source].
func (w web) look() (traits, error) {
	l := w.f.line()
	defer l.close()
	response, err := w.ask(l, http.MethodHead)
	if err != nil {
		return traits{}, err
	}
	response.Body.Close()
	return traitsOf(response), nil
}

// ask sends a request and returns the response if its status is 200.
func (w web) ask(l *line, method string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(l.ctx, method, w.url, nil)
	if err != nil {
		return nil, fmt.Errorf("Error downloading resource: %w", err)
	}
	if w.sign != nil {
		w.sign(request)
	}
	client := runtimeweb.NewClient(&http.Transport{
		DisableKeepAlives: true, DisableCompression: true, Proxy: http.ProxyFromEnvironment,
	})
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("Error downloading resource: %w", l.cause(err))
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	response.Body.Close()
	err = fmt.Errorf("Error downloading resource, received HTTP return code %d", response.StatusCode)
	switch response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		err = goneError{err}
	}
	return nil, err
}

// traitsOf returns the traits of the content that a response describes.
func traitsOf(r *http.Response) traits {
	t := traits{size: r.ContentLength}
	tag, time := r.Header.Get("ETag"), r.Header.Get("Last-Modified")
	if tag != "" || time != "" {
		t.version = tag + " " + time
	}
	return t
}
