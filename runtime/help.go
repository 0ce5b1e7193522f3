package runtime

import (
	"fmt"
	"html"
	"net/http"
	"strings"
)

// ownRoute returns what the node itself serves under a name, nil if nothing. path is the rest: "/…".
func (n *Node) ownRoute(name string) func(path string, req *Request) Future[*Response] {
	switch name {
	case "help":
		return n.help
	case "__processes__":
		return n.processes
	}
	return nil
}

// processes lists the actors.
func (n *Node) processes(path string, req *Request) Future[*Response] {
	if path != "/" {
		return Ready(NotFound())
	}
	type process struct {
		Events []string `json:"events"`
		ID     string   `json:"id"`
	}
	all := []process{}
	for _, pid := range n.PIDs() {
		all = append(all, process{Events: []string{}, ID: pid.ID})
	}
	return Ready(JSON(req, all))
}

// help serves /help, /help/<id> and /help/<id>/<route>: what there is, from what the actors said when they routed it.
func (n *Node) help(path string, _ *Request) Future[*Response] {
	id, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return Then(n.describeAll(), func(all []described) (*Response, error) {
		var page strings.Builder
		found := 0
		for _, actor := range all {
			for _, r := range actor.routes {
				if (id == "" || id == actor.id) && (rest == "" || "/"+rest == r.path) {
					found++
					describeRoute(&page, actor.id, r, rest != "")
				}
			}
		}
		if found == 0 {
			return NotFound(), nil
		}
		return &Response{
			Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
			Body: []byte("<!DOCTYPE html>\n<html><head><title>Help</title></head><body>\n<dl>\n" + page.String() + "</dl>\n</body></html>\n"),
		}, nil
	})
}

func describeRoute(page *strings.Builder, id string, r route, whole bool) {
	path := "/" + id + strings.TrimSuffix(r.path, "/")
	fmt.Fprintf(page, "<dt><a href=\"/help%s\">%s</a></dt>\n<dd>%s</dd>\n",
		html.EscapeString(path), html.EscapeString(path), html.EscapeString(r.help.TLDR))
	if whole && r.help.Description != "" {
		fmt.Fprintf(page, "<dd><pre>%s</pre></dd>\n", html.EscapeString(r.help.Description))
	}
}
