// Package mediatype reads and writes messages in the two formats of Mesos's HTTP APIs, JSON and protobuf, according to
// the headers of a request. Its errors use Mesos's words.
package mediatype

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/mesosjson"
	"meseta/messages/recordio"
)

// Type is the format of a message.
type Type uint8

// The formats of messages.
const (
	JSON Type = iota
	Protobuf
)

// String returns the media type, as in headers.
func (t Type) String() string {
	if t == Protobuf {
		return "application/x-protobuf"
	}
	return "application/json"
}

// Refusal is an error that says why a request is not served. It holds the status and the text of the answer.
type Refusal struct {
	Status int
	Text   string
}

// Error returns the text.
func (r *Refusal) Error() string { return r.Text }

func refuse(status int, format string, args ...any) *Refusal {
	return &Refusal{status, fmt.Sprintf(format, args...)}
}

// Read reads body into m, in the format that Content-Type names. Its errors are of type [*Refusal].
func Read(header http.Header, body []byte, m proto.Message) error {
	return read(header, body, m, mesosjson.Unmarshal)
}

// ReadV1 reads body, a message of v1, into m, its namesake of v0. The two must agree on the wire. ReadV1 is much
// cheaper than a conversion.
func ReadV1(header http.Header, body []byte, m proto.Message) error {
	return read(header, body, m, mesosjson.UnmarshalV1)
}

func read(header http.Header, body []byte, m proto.Message, unmarshalJSON func([]byte, proto.Message) error) error {
	t, err := Of(header)
	if err != nil {
		return err
	}
	name := m.ProtoReflect().Descriptor().Name()
	if t == Protobuf {
		err := Unmarshal(body, m)
		if no := (*Refusal)(nil); err != nil && !errors.As(err, &no) {
			return refuse(http.StatusBadRequest, "Failed to parse body into %s protobuf", name)
		}
		return err
	}
	var syntax *mesosjson.SyntaxError
	switch err := unmarshalJSON(body, m); {
	case errors.As(err, &syntax):
		return refuse(http.StatusBadRequest, "Failed to parse body into JSON: %v", syntax)
	case err != nil:
		return refuse(http.StatusBadRequest, "Failed to convert JSON into %s protobuf: %v", name, err)
	}
	return nil
}

// Of returns the format that Content-Type names. Its errors are of type [*Refusal].
func Of(header http.Header) (Type, error) {
	content, present := header["Content-Type"]
	switch {
	case !present || len(content) == 0:
		return JSON, refuse(http.StatusBadRequest, "Expecting 'Content-Type' to be present")
	case content[0] == JSON.String():
		return JSON, nil
	case content[0] == Protobuf.String():
		return Protobuf, nil
	}
	return JSON, refuse(http.StatusUnsupportedMediaType, "Expecting 'Content-Type' of %s or %s", JSON, Protobuf)
}

// ForAnswer returns the format for an answer that Accept allows, preferring JSON. Its errors are of type [*Refusal].
func ForAnswer(header http.Header) (Type, error) {
	for _, t := range []Type{JSON, Protobuf} {
		if Accepts(header, t.String()) {
			return t, nil
		}
	}
	return JSON, refuse(http.StatusNotAcceptable, "Expecting 'Accept' to allow '%s' or '%s'", Protobuf, JSON)
}

// Accepts reports whether the Accept headers, of which there may be several, allow the given media type.
//
// Mesos: process::http::Request::acceptsMediaType.
func Accepts(header http.Header, media string) bool {
	accept, present := header["Accept"]
	if !present {
		return true
	}
	kind, _, _ := strings.Cut(media, "/")
	given := strings.FieldsFunc(strings.Join(accept, ","), func(r rune) bool { return r == ',' })
	for _, candidate := range []string{media, kind + "/*", "*/*"} {
		for _, g := range given {
			if name, rest, _ := strings.Cut(g, ";"); strings.EqualFold(strings.TrimSpace(name), candidate) {
				return !worthNothing(rest)
			}
		}
	}
	return false
}

// worthNothing reports whether parameters contain a quality of 0 or below, which excludes a media type.
func worthNothing(parameters string) bool {
	for p := range strings.SplitSeq(parameters, ";") {
		if name, value, ok := strings.Cut(strings.TrimSpace(p), "="); ok && strings.TrimSpace(name) == "q" {
			q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return err != nil || !(q > 0)
		}
	}
	return false
}

// Marshal returns the encoding of m. Required fields may be missing.
func (t Type) Marshal(m proto.Message) []byte {
	if t == JSON {
		return mesosjson.Marshal(m)
	}
	body, err := proto.MarshalOptions{AllowPartial: true, Deterministic: true}.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("mediatype: write %s: %v", m.ProtoReflect().Descriptor().FullName(), err))
	}
	return body
}

// MarshalV1 returns the encoding of m, a message of v0, as its namesake of v1. The two must agree on the wire.
func (t Type) MarshalV1(m proto.Message) []byte {
	if t == JSON {
		return mesosjson.AppendV1(nil, m)
	}
	return t.Marshal(m)
}

// Record returns m as one record of a stream, including its length.
func (t Type) Record(m proto.Message) []byte { return recordio.Append(nil, t.Marshal(m)) }
