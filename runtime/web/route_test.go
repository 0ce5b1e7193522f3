package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"meseta/runtime"
	"meseta/runtime/sim"
	"meseta/runtime/web"
)

// desk has a few routes and says which of them was taken.
type desk struct {
	runtime.Actor
	paths []string
}

func (d *desk) Initialize() {
	for _, path := range d.paths {
		web.Route(d, path, web.Help{TLDR: "about " + path, Description: "all <about> it"}, func(r *web.Request) runtime.Future[*web.Response] {
			return runtime.Ready(web.JSON(r, d.Self().ID+" "+r.Route))
		})
	}
}

func TestRequestsFindTheirActorsAndRoutes(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	n := w.Node("10.0.0.1:5050")
	web.SetDelegate(n, "master")
	for id, paths := range map[string][]string{
		"master": {"/", "/state", "/api/v1", "/api/v1/scheduler"}, "files": {"/read"}, "slave(1)": {"state"},
	} {
		if _, err := runtime.Spawn(n, id, &desk{paths: paths}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		target string
		status int
		body   string // a part of it
	}{
		{"/master/state", 200, `"master /state"`},
		{"/master/state/", 200, `"master /state"`},
		{"/state", 200, `"master /state"`},
		{"/", 200, `"master /"`},
		{"/nosuch", 200, `"master /"`},
		{"/master/api/v1/scheduler", 200, `"master /api/v1/scheduler"`},
		{"/master/api/v1/else", 200, `"master /api/v1"`},
		{"/slave(1)/state", 200, `"slave(1) /state"`},
		{"/slave%281%29/state", 200, `"slave(1) /state"`},
		{"/slave(1)/nosuch", 404, "404 Not Found."},
		{"/files/read/deep", 200, `"files /read"`},
		{"/files", 404, "404 Not Found."},
		{"/state?jsonp=f.g", 200, `f.g("master /state");`},
		{"/state?jsonp=alert(1)", 400, "not the name of a function"},
		{"/__processes__", 200, `{"events":[],"id":"files"},{"events":[],"id":"master"}`},
		{"/help", 200, `<a href="/help/slave(1)">/slave(1)</a>`},
		{"/help?format=json", 200, `{"id":"files","endpoints":[{"name":"/read","text":"### USAGE ###\n\u003e        /files/read\n\n### TL;DR; ###\nabout /read\n`},
		{"/help/slave(1)", 200, `<a href="/help/slave(1)/state">/slave(1)/state</a>: about state`},
		{"/help/master", 200, "about /api/v1/scheduler"},
		{"/help/master/state", 200, "all &lt;about&gt; it"},
		{"/help/master/state", 200, "<pre>/state</pre>\n<pre>/master/state</pre>"},
		{"/help/nobody", 404, "404 Not Found."},
		{"/help/files/none", 400, "No help available for '/files/none'.\n"},
	} {
		u, err := url.ParseRequestURI(c.target)
		if err != nil {
			t.Fatal(err)
		}
		answer := web.Serve(n, &web.Request{Method: http.MethodGet, URL: u, Header: http.Header{}, Body: strings.NewReader("")})
		w.Settle()
		r, done, err := answer.Peek()
		if !done || err != nil {
			t.Errorf("%s: answered %v (%v)", c.target, done, err)
			continue
		}
		if r.Status != c.status || !strings.Contains(string(r.Body), c.body) {
			t.Errorf("%s: %d %s, want %d with %s", c.target, r.Status, r.Body, c.status, c.body)
		}
	}
}

func TestTerminalsGetHelpAsMarkdown(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	n := w.Node("10.0.0.1:5050")
	for id, path := range map[string]string{"files": "/read", "trace": "/"} {
		if _, err := runtime.Spawn(n, id, &desk{paths: []string{path}}); err != nil {
			t.Fatal(err)
		}
	}
	for target, want := range map[string]string{
		"/help": "## HELP\n> [/files](/help/files)\n> [/trace](/help/trace)\n",
		"/help/trace": "## `/trace` ##\n> [/trace](/help/trace): about /\n" +
			"\n### USAGE ###\n>        /trace\n\n### TL;DR; ###\nabout /\n\n### DESCRIPTION ###\nall <about> it\n",
		"/help/files":      "## `/files` ##\n> [/files/read](/help/files/read): about /read\n",
		"/help/files/read": "### USAGE ###\n>        /files/read\n\n### TL;DR; ###\nabout /read\n\n### DESCRIPTION ###\nall <about> it\n",
	} {
		u, _ := url.ParseRequestURI(target)
		answer := web.Serve(n, &web.Request{
			Method: http.MethodGet, URL: u, Header: http.Header{"User-Agent": {"curl/8.0"}}, Body: strings.NewReader(""),
		})
		w.Settle()
		r, done, err := answer.Peek()
		if !done || err != nil || string(r.Body) != want || r.Header.Get("Content-Type") != "text/x-markdown" {
			t.Errorf("%s: %v %v %+v", target, done, err, r)
		}
	}
}

func TestMethodNotAllowedNamesWhatIs(t *testing.T) {
	t.Parallel()
	r := web.MethodNotAllowed(&web.Request{Method: "GET"}, "POST", "PUT")
	if r.Header.Get("Allow") != "POST, PUT" || string(r.Body) != "405 Method Not Allowed. Expecting one of { 'POST', 'PUT' }, but received 'GET'." {
		t.Errorf("%+v %s", r.Header, r.Body)
	}
}
