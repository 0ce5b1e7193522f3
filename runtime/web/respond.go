package web

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// The answers below have the status lines, headers and bodies that libprocess gives.

// OK answers 200 without a body.
func OK() *Response { return &Response{Status: http.StatusOK} }

// Accepted answers 202 without a body.
func Accepted() *Response { return &Response{Status: http.StatusAccepted} }

// Text answers with plain text.
func Text(status int, body string) *Response {
	return &Response{Status: status, Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, Body: []byte(body)}
}

// NotFound answers 404.
func NotFound() *Response { return Text(http.StatusNotFound, "404 Not Found.") }

// BadRequest answers 400 and says why.
func BadRequest(why string) *Response { return Text(http.StatusBadRequest, why) }

// Unauthorized answers 401 with the challenges by which the client may authenticate, such as `Basic realm="…"`.
func Unauthorized(challenges ...string) *Response {
	r := Text(http.StatusUnauthorized, "401 Unauthorized.")
	r.Header.Set("WWW-Authenticate", strings.Join(challenges, ", "))
	return r
}

// Forbidden answers 403 and says why.
func Forbidden(why string) *Response { return Text(http.StatusForbidden, why) }

// Unavailable answers 503 and says why.
func Unavailable(why string) *Response { return Text(http.StatusServiceUnavailable, why) }

// Redirect answers 307 to a location.
func Redirect(location string) *Response {
	return &Response{Status: http.StatusTemporaryRedirect, Header: http.Header{"Location": {location}}}
}

// MethodNotAllowed answers 405 to a request whose method is not one of those expected.
func MethodNotAllowed(req *Request, expected ...string) *Response {
	quoted := make([]string, len(expected))
	for i, method := range expected {
		quoted[i] = "'" + method + "'"
	}
	r := Text(http.StatusMethodNotAllowed, fmt.Sprintf("405 Method Not Allowed. Expecting one of { %s }, but received '%s'.",
		strings.Join(quoted, ", "), req.Method))
	r.Header.Set("Allow", strings.Join(expected, ", "))
	return r
}

// JSON answers 200 with v as encoding/json writes it, which leaves a json.RawMessage as it is. A request with ?jsonp=f
// gets a script that calls f.
func JSON(req *Request, v any) *Response {
	body, ok := v.(json.RawMessage)
	if !ok {
		var err error
		if body, err = json.Marshal(v); err != nil {
			return Text(http.StatusInternalServerError, err.Error())
		}
	}
	callback := req.URL.Query().Get("jsonp")
	if callback == "" {
		return &Response{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
	}
	if !callbackName.MatchString(callback) {
		return BadRequest(fmt.Sprintf("jsonp: %.80q is not the name of a function", callback))
	}
	return &Response{
		Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/javascript"}},
		Body: slices.Concat([]byte(callback), []byte("("), body, []byte(");")),
	}
}

// JSONContent answers 200 with a long JSON text that is drawn as the client takes it, as [JSON] does with a short one.
func JSONContent(req *Request, text iter.Seq[[]byte]) *Response {
	r := JSON(req, json.RawMessage{})
	if r.Status != http.StatusOK {
		return r
	}
	callback := req.URL.Query().Get("jsonp")
	r.Body = nil
	r.Content = text
	if callback != "" {
		r.Content = func(yield func([]byte) bool) {
			if !yield([]byte(callback + "(")) {
				return
			}
			for piece := range text {
				if !yield(piece) {
					return
				}
			}
			yield([]byte(");"))
		}
	}
	return r
}

// callbackName keeps a link from putting a script of its own into an answer.
var callbackName = regexp.MustCompile(`^[A-Za-z_$][\w$.\[\]]{0,127}$`)
