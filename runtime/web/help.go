package web

import (
	"fmt"
	"html"
	"net/http"
	"slices"
	"strings"

	"meseta/runtime"
)

// ownRoute returns what the node itself serves under a name, nil if nothing. path is the rest: "/…".
func (s *server) ownRoute(name string) func(path string, req *Request) runtime.Future[*Response] {
	switch name {
	case "help":
		return s.help
	case "__processes__":
		return s.processes
	}
	return nil
}

// help serves /help, /help/<id> and /help/<id>/<route>: what there is, from what the actors said when they routed it.
// Terminals get it as Markdown, browsers as a page, and /help?format=json everything at once.
func (s *server) help(path string, req *Request) runtime.Future[*Response] {
	id, name, _ := strings.Cut(strings.Trim(path, "/"), "/")
	return runtime.Then(describeAll(s.node), func(all []described) (*Response, error) {
		switch {
		case id != "":
			return s.helpFor(all, id, name, req), nil
		case req.URL.Query().Get("format") == "json":
			return s.helpAsJSON(all, req), nil
		}
		text := "## HELP\n"
		for _, actor := range all {
			text += fmt.Sprintf("> [/%s](/help/%[1]s)\n", actor.id)
		}
		return helpPage(text, req), nil
	})
}

// helpFor lists an actor's routes and describes the one at its own path, or describes the one of that name.
func (s *server) helpFor(all []described, id, name string, req *Request) *Response {
	i := slices.IndexFunc(all, func(d described) bool { return d.id == id })
	if i < 0 {
		return NotFound()
	}
	text, own := fmt.Sprintf("## `/%s` ##\n", id), ""
	for _, r := range all[i].routes {
		if name != "" && r.path == "/"+name {
			return helpPage(s.usage(id, r), req)
		}
		text += fmt.Sprintf("> [%s](/help%[1]s): %s\n", usagePath(id, r), r.help.TLDR)
		if usagePath(id, r) == "/"+id {
			own = "\n" + s.usage(id, r)
		}
	}
	if name != "" {
		return BadRequest(fmt.Sprintf("No help available for '/%s/%s'.\n", id, name))
	}
	return helpPage(text+own, req)
}

func usagePath(id string, r route) string { return "/" + id + strings.TrimSuffix(r.path, "/") }

// usage describes a route: where it is, and what it does.
func (s *server) usage(id string, r route) string {
	text := "### USAGE ###\n"
	if id == s.delegated() {
		text += ">        " + r.path + "\n"
	}
	text += ">        " + usagePath(id, r) + "\n\n### TL;DR; ###\n" + r.help.TLDR + "\n"
	if r.help.Description != "" {
		text += "\n### DESCRIPTION ###\n" + r.help.Description + "\n"
	}
	if r.realm != "" {
		text += "\n### AUTHENTICATION ###\nRequests must authenticate if an authenticator guards the realm " + r.realm + ".\n"
	}
	return text
}

func (s *server) helpAsJSON(all []described, req *Request) *Response {
	type endpoint struct {
		Name string `json:"name"`
		Text string `json:"text"`
	}
	type process struct {
		ID        string     `json:"id"`
		Endpoints []endpoint `json:"endpoints"`
	}
	processes := []process{}
	for _, actor := range all {
		p := process{ID: actor.id}
		for _, r := range actor.routes {
			p.Endpoints = append(p.Endpoints, endpoint{r.path, s.usage(actor.id, r)})
		}
		processes = append(processes, p)
	}
	return JSON(req, map[string]any{"processes": processes})
}

// helpPage answers terminals with Markdown, and browsers with a page of the same lines.
func helpPage(markdown string, req *Request) *Response {
	agent := req.Header.Get("User-Agent")
	if strings.HasPrefix(agent, "curl") || strings.HasPrefix(agent, "HTTPie") {
		return &Response{Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/x-markdown"}}, Body: []byte(markdown)}
	}
	var page strings.Builder
	page.WriteString("<!DOCTYPE html>\n<html><head><title>Help</title></head><body>\n")
	for line := range strings.Lines(markdown) {
		page.WriteString(helpLine(strings.TrimSuffix(line, "\n")))
	}
	page.WriteString("</body></html>\n")
	return &Response{Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte(page.String())}
}

// helpLine writes a line of Markdown as HTML, of the few kinds that help has.
func helpLine(line string) string {
	switch {
	case line == "":
		return ""
	case strings.HasPrefix(line, "#"):
		return "<h3>" + html.EscapeString(strings.Trim(line, "# ")) + "</h3>\n"
	case strings.HasPrefix(line, "> ["):
		name, rest, _ := strings.Cut(strings.TrimPrefix(line, "> ["), "](")
		target, about := rest, ""
		if end := strings.Index(rest, "): "); end >= 0 {
			target, about = rest[:end+1], rest[end+1:]
		}
		target = strings.TrimSuffix(target, ")")
		return fmt.Sprintf("<p><a href=\"%s\">%s</a>%s</p>\n",
			html.EscapeString(target), html.EscapeString(name), html.EscapeString(about))
	case strings.HasPrefix(line, ">"):
		return "<pre>" + html.EscapeString(strings.TrimSpace(line[1:])) + "</pre>\n"
	}
	return "<p>" + html.EscapeString(line) + "</p>\n"
}
