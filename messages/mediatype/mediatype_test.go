package mediatype_test

import (
	"errors"
	"net/http"
	"testing"

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
