package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/actors/operator"
	"meseta/messages/ids"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// routeOperator installs an endpoint that is older than the operator API. Only the leading master serves it.
func (a *api) routeOperator(realm, path, tldr string, serve func(*web.Request, []byte, operator.Caller) answer, methods ...string) {
	web.RouteIn(a, realm, path, web.Help{TLDR: tldr}, func(req *web.Request) answer {
		if elsewhere, ok := a.elsewhere(req); ok {
			return elsewhere
		}
		if !slices.Contains(methods, req.Method) {
			return runtime.Ready(web.MethodNotAllowed(req, methods...))
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return refused(http.StatusBadRequest, "read the request: %v", err)
		}
		return a.asOperator(req, func(o operator.Caller) answer { return serve(req, body, o) })
	})
}

// message is the pointer type of a generated message type M.
type message[M any] interface {
	*M
	proto.Message
}

// readList parses a JSON array of messages.
func readList[M any, P message[M]](body []byte) ([]P, error) {
	var list []P
	err := mesosjson.UnmarshalArray(body, func() proto.Message {
		m := P(new(M))
		list = append(list, m)
		return m
	})
	return list, err
}

func jsonAnswer(req *web.Request, m proto.Message) *web.Response {
	return web.JSON(req, json.RawMessage(mesosjson.Marshal(m)))
}

func jsonListAnswer[M any, P message[M]](req *web.Request, list []P) *web.Response {
	text := []byte{'['}
	for i, m := range list {
		if i > 0 {
			text = append(text, ',')
		}
		text = mesosjson.Append(text, m)
	}
	return web.JSON(req, json.RawMessage(append(text, ']')))
}

// form holds the body of a POST, in the encoding of HTML forms.
type form struct{ url.Values }

func readForm(body []byte) (form, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return form{}, fmt.Errorf("Unable to decode query string: %w", err)
	}
	return form{values}, nil
}

// text returns a required value.
func (f form) text(name string) (string, error) {
	if !f.Has(name) {
		return "", fmt.Errorf("Missing '%s' query parameter in the request body", name)
	}
	return f.Get(name), nil
}

// resources returns a required list of resources. failed begins the error if they cannot be parsed.
func (f form) resources(name, failed string) ([]*mesospb.Resource, error) {
	text, err := f.text(name)
	if err != nil {
		return nil, err
	}
	list, err := readList[mesospb.Resource]([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%s '%s' query parameter in the request body: %w", failed, name, err)
	}
	return list, nil
}

// agent returns the ID of the required agent.
func (f form) agent() (ids.Agent, error) {
	id, err := f.text("slaveId")
	return ids.Agent(id), err
}
