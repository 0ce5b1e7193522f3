package mediatype_test

import (
	"bytes"
	"errors"
	"net/http"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"meseta/messages/mediatype"
	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/pb/v1/schedulerv1pb"
)

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		content []string
		body    string
		status  int
		text    string
	}{
		"no type":     {nil, "{}", 400, "Expecting 'Content-Type' to be present"},
		"other type":  {[]string{"text/plain"}, "{}", 415, "Expecting 'Content-Type' of application/json or application/x-protobuf"},
		"charset":     {[]string{"application/json; charset=utf-8"}, "{}", 415, "Expecting 'Content-Type' of application/json or application/x-protobuf"},
		"bad JSON":    {[]string{"application/json"}, "{\n", 400, "Failed to parse body into JSON: syntax error at line 1 near: "},
		"list":        {[]string{"application/json"}, "[]", 400, "Failed to convert JSON into Call protobuf: Expecting a JSON object"},
		"bad bytes":   {[]string{"application/x-protobuf"}, "\xff\xff", 400, "Failed to parse body into Call protobuf"},
		"incomplete":  {[]string{"application/x-protobuf"}, "\x1a\x00", 400, "Failed to parse body into Call protobuf"},
		"not present": {[]string{"application/json"}, `{"subscribe":{}}`, 400, "Failed to convert JSON into Call protobuf: Missing required fields: subscribe.framework_info"},
	} {
		header := http.Header{}
		if c.content != nil {
			header["Content-Type"] = c.content
		}
		var refusal *mediatype.Refusal
		err := mediatype.Read(header, []byte(c.body), &schedulerv1pb.Call{})
		if !errors.As(err, &refusal) || refusal.Status != c.status || refusal.Error() != c.text {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestForAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		accept  []string
		want    mediatype.Type
		refused bool
	}{
		"absent":        {nil, mediatype.JSON, false},
		"json":          {[]string{"application/json"}, mediatype.JSON, false},
		"protobuf":      {[]string{"application/x-protobuf"}, mediatype.Protobuf, false},
		"case":          {[]string{"Application/X-Protobuf"}, mediatype.Protobuf, false},
		"both":          {[]string{"application/x-protobuf, application/json"}, mediatype.JSON, false},
		"twice":         {[]string{"text/html", "application/x-protobuf"}, mediatype.Protobuf, false},
		"any":           {[]string{"*/*"}, mediatype.JSON, false},
		"any of a kind": {[]string{"application/*;q=0.5"}, mediatype.JSON, false},
		"not JSON":      {[]string{"application/json;q=0, */*"}, mediatype.Protobuf, false},
		"other":         {[]string{"text/html"}, mediatype.JSON, true},
		"empty":         {[]string{""}, mediatype.JSON, true},
	} {
		header := http.Header{}
		if c.accept != nil {
			header["Accept"] = c.accept
		}
		got, err := mediatype.ForAnswer(header)
		if got != c.want || (err != nil) != c.refused {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	id := &mesosv1pb.FrameworkID{Value: proto.String("x")}
	for _, media := range []mediatype.Type{mediatype.JSON, mediatype.Protobuf} {
		back := &mesosv1pb.FrameworkID{}
		if err := mediatype.Read(http.Header{"Content-Type": {media.String()}}, media.Marshal(id), back); err != nil || !proto.Equal(id, back) {
			t.Errorf("%s: %v, %v", media, back, err)
		}
	}
	if got := string(mediatype.JSON.Record(id)); got != "13\n{\"value\":\"x\"}" {
		t.Errorf("a record is %q", got)
	}
}

// A body of protobuf may not consist of very many messages, which take much more memory than bytes on the wire. What is deeper than
// anybody reads, or is broken, counts no more.
func TestPartsAreBounded(t *testing.T) {
	t.Parallel()
	protobuf := http.Header{"Content-Type": {"application/x-protobuf"}}
	tasks := func(n int) []byte { // ACCEPT with LAUNCH of tasks that have nothing in them
		launch := field(2, bytes.Repeat([]byte{1<<3 | 2, 0}, n))
		return append([]byte{1 << 3, 3}, field(4, field(2, append([]byte{1 << 3, 1}, launch...)))...)
	}
	deep := []byte{}
	for range 12_000 {
		deep = field(2, deep) // the parent of a container
	}
	for name, c := range map[string]struct {
		body   []byte
		into   proto.Message
		status int
	}{
		"a million strings": {bytes.Repeat([]byte{1<<3 | 2, 1, 'x'}, 1<<20), &mesosv1pb.FrameworkID{}, 0},
		"as many as may be": {bytes.Repeat([]byte{1<<3 | 2, 0}, 1<<20-1), &mesosv1pb.Labels{}, 400}, // which lack their keys
		"more":              {bytes.Repeat([]byte{1<<3 | 2, 0}, 1<<20), &mesosv1pb.Labels{}, 400},
		"many more":         {bytes.Repeat([]byte{1<<3 | 2, 0}, 1<<20+1), &mesosv1pb.Labels{}, 413},
		"many more, below":  {tasks(1<<20 + 100), &schedulerv1pb.Call{}, 413},
		"deep":              {append(deep, make([]byte, 2<<20)...), &mesosv1pb.ContainerID{}, 400},
	} {
		var refusal *mediatype.Refusal
		err := mediatype.Read(protobuf, c.body, c.into)
		if c.status == 0 && err != nil || c.status != 0 && (!errors.As(err, &refusal) || refusal.Status != c.status) {
			t.Errorf("%s: %v, want status %d", name, err, c.status)
		}
	}
}

// field returns a field with that number and content.
func field(number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
}
