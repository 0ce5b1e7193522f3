package mesosjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

func TestMessagesAreWritten(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]proto.Message{
		`{}`: &mesospb.Labels{},
		`{"value":"f\"1\\\n\u0001é/"}`: &mesospb.FrameworkID{
			Value: proto.String("f\"1\\\n\x01é/"),
		},
		`{"name":"cpus","type":"SCALAR","scalar":{"value":4.0},"role":"eng"}`: &mesospb.Resource{
			Name: proto.String("cpus"), Type: mesospb.Value_SCALAR.Enum(),
			Scalar: &mesospb.Value_Scalar{Value: proto.Float64(4)}, Role: proto.String("eng"),
		},
		`{"range":[{"begin":18446744073709551615,"end":0}]}`: &mesospb.Value_Ranges{
			Range: []*mesospb.Value_Range{{Begin: proto.Uint64(math.MaxUint64), End: proto.Uint64(0)}},
		},
		`{"value":"AP8="}`:       &mesospb.UUID{Value: []byte{0, 0xff}},
		`{"refuse_seconds":5.0}`: &mesospb.Filters{}, // an unset field with a default
	} {
		if got := string(mesosjson.Marshal(m)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestDeprecatedDefaultsAreLeftOut(t *testing.T) {
	t.Parallel()
	got := string(mesosjson.Marshal(&mesospb.FrameworkInfo{User: proto.String("u"), Name: proto.String("n")}))
	if strings.Contains(got, `"role"`) || !strings.Contains(got, `"checkpoint":false`) {
		t.Errorf("got %s", got)
	}
}

func TestFloatsAreWritten(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]float64{
		"0.0": 0, "-0.0": math.Copysign(0, -1), "1.0": 1, "0.1": 0.1, "1024.0": 1024, "-1.5": -1.5,
		"1234567890123456.8": 1234567890123456.8, "100000000000000000000.0": 1e20, "1e21": 1e21, "1.5e300": 1.5e300,
		"0.000001": 1e-6, "1e-7": 1e-7, "5e-324": 5e-324, `"Infinity"`: math.Inf(1), `"-Infinity"`: math.Inf(-1),
		"null": math.NaN(),
	} {
		if got := string(mesosjson.AppendFloat(nil, f)); got != want {
			t.Errorf("%g is written %s, want %s", f, got, want)
		}
	}
}

func TestFloatsReadBack(t *testing.T) {
	t.Parallel()
	whole := rapid.Map(rapid.Int64(), func(n int64) float64 { return float64(n) })
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.OneOf(rapid.Float64(), whole).Draw(t, "f")
		text := string(mesosjson.AppendFloat(nil, f))
		if got, err := strconv.ParseFloat(text, 64); err != nil || math.Float64bits(got) != math.Float64bits(f) {
			t.Fatalf("%s was %g: %v", text, f, err)
		}
		if !strings.ContainsAny(text, ".e") {
			t.Fatalf("%s looks like an integer", text)
		}
	})
}

func TestWhatIsReadIsForgiving(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"name":"a","type":"SCALAR","scalar":{"value":2}}`,
		`{"name":"a","type":"SCALAR","scalar":{"value":"2"}}`,
		`{"name":"a","type":"SCALAR","scalar":{"value":2.0,"no":[1,{}]},"ranges":null,"nothing":"such"}`,
		`{"name":"a","type":"SET","type":"SCALAR","scalar":{"value":20e-1}}`,
	} {
		var got mesospb.Resource
		if err := mesosjson.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		want := &mesospb.Resource{Name: proto.String("a"), Type: mesospb.Value_SCALAR.Enum(),
			Scalar: &mesospb.Value_Scalar{Value: proto.Float64(2)}}
		if !proto.Equal(&got, want) {
			t.Errorf("%s: got %v", text, &got)
		}
	}
}

func TestOneValueStandsForAList(t *testing.T) {
	t.Parallel()
	var set mesospb.Value_Set
	if err := mesosjson.Unmarshal([]byte(`{"item":"a"}`), &set); err != nil || len(set.GetItem()) != 1 {
		t.Errorf("got %v, %v", &set, err)
	}
	if err := mesosjson.Unmarshal([]byte(`{"item":["a",null,"b"]}`), &set); err != nil || len(set.GetItem()) != 2 {
		t.Errorf("got %v, %v", &set, err)
	}
}

func TestUnknownEnumNamesCountAsUnset(t *testing.T) {
	t.Parallel()
	var call schedulerpb.Call
	if err := mesosjson.Unmarshal([]byte(`{"type":"FROM_THE_FUTURE"}`), &call); err != nil || call.Type != nil {
		t.Errorf("got %v, %v", &call, err)
	}
	err := mesosjson.Unmarshal([]byte(`{"name":"a","type":"FROM_THE_FUTURE"}`), new(mesospb.Resource))
	if err == nil {
		t.Error("a required enum took an unknown name")
	}
}

func TestMistakesAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                           "syntax error at line 1 near: ",
		`{"value":"a"} {}`:           "Parsed JSON included non-whitespace trailing characters: {}",
		`[]`:                         "Expecting a JSON object",
		`{"name":1}`:                 "name: not expecting a number",
		`{"name":["a"]}`:             "name: not expecting an array",
		"{\n":                        "syntax error at line 1 near: ",
		"{\n\n\"name\": nonsense\n}": "syntax error at line 3 near: onsense",
		`{"name":"a","ranges":{"range":[{"begin":1}]}}`: "Missing required fields: type, ranges.range[0].end",
		`{"scalar":3}`:                      "scalar: not expecting a number",
		`{"scalar":{"value":"x"}}`:          `scalar: value: "x" is not a number`,
		`{"scalar":{"value":1e999}}`:        `scalar: value: "1e999" is not a number`,
		`{"scalar":{"value":"NaN"}}`:        `scalar: value: "NaN" is not a number`,
		`{"ranges":{"range":[true]}}`:       "ranges: range: not expecting a boolean",
		`{"ranges":{"range":{"begin":-1}}}`: `ranges: range: begin: "-1" is not a natural number of 64 bits`,
	} {
		err := mesosjson.Unmarshal([]byte(text), new(mesospb.Resource))
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	if err := mesosjson.Unmarshal([]byte(`{}`), new(mesospb.Resource)); err == nil {
		t.Error("required fields may be missing")
	}
}

func TestDepthIsLimited(t *testing.T) {
	t.Parallel()
	nested := func(depth int) string {
		return `{"nothing\"[{":` + strings.Repeat("[", depth-1) + "\n]" + strings.Repeat("]", depth-2) + "}"
	}
	if err := mesosjson.Unmarshal([]byte(nested(200)), new(mesospb.Labels)); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{
		nested(201):    "syntax error at line 1 near: ",
		nested(100000): "syntax error at line 1 near: " + strings.Repeat("[", 100000-201),
		"{\n" + strings.Repeat(`"n":[{`, 150) + "x": `syntax error at line 2 near: ` + strings.Repeat(`"n":[{`, 50) + "x",
		"{!" + strings.Repeat("[", 300):             `syntax error at line 1 near: !` + strings.Repeat("[", 300),
	} {
		if err := mesosjson.Unmarshal([]byte(text), new(mesospb.Labels)); err == nil || err.Error() != want {
			t.Errorf("got %.80v, want %.80s", err, want)
		}
	}
}

func TestArrays(t *testing.T) {
	t.Parallel()
	var ids []*mesospb.TaskID
	add := func() proto.Message {
		ids = append(ids, new(mesospb.TaskID))
		return ids[len(ids)-1]
	}
	if err := mesosjson.UnmarshalArray([]byte(`[{"value":"a"},{"value":"b"}]`), add); err != nil || len(ids) != 2 {
		t.Errorf("got %v, %v", ids, err)
	}
	if err := mesosjson.UnmarshalArray([]byte(`[{"value":"a"},{}]`), add); err == nil {
		t.Error("a broken element was taken")
	}
}

// FuzzRoundTrip reads arbitrary data. Whatever it can read, it writes and reads again, with both kinds of names.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte(`{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","offer_filters":{"r":{}}}}}`))
	f.Add([]byte(`{"type":"ACCEPT","accept":{"offer_ids":[{"value":"o"}],"filters":{"refuse_seconds":1e-9}}}`))
	f.Add([]byte(`{"type":"ACKNOWLEDGE","acknowledge":{"slave_id":{"value":"s"},"task_id":{"value":""},"uuid":"AA"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second schedulerpb.Call
		if mesosjson.Unmarshal(data, &first) != nil {
			return
		}
		text := mesosjson.Marshal(&first)
		if !json.Valid(text) {
			t.Fatalf("wrote %q", text)
		}
		if err := mesosjson.Unmarshal(text, &second); err != nil {
			t.Fatalf("wrote %s, which is refused: %v", text, err)
		}
		if again := mesosjson.Marshal(&second); string(again) != string(text) {
			t.Fatalf("wrote %s, then %s", text, again)
		}
		text = mesosjson.AppendV1(nil, &first)
		if err := mesosjson.UnmarshalV1(text, &second); err != nil {
			t.Fatalf("wrote %s, which is refused: %v", text, err)
		}
		if again := mesosjson.AppendV1(nil, &second); string(again) != string(text) {
			t.Fatalf("wrote %s, then %s", text, again)
		}
	})
}

// FuzzString demands that any bytes become JSON that strict parsers accept, with the text that encoding/json gives
// them.
func FuzzString(f *testing.F) {
	for _, s := range []string{
		"", "plain", "ü€😀", "\xff", "a\xc3", "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\"\xfe\\\x00\n\x80\x1f", "\uFFFD\u2028",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		text := mesosjson.AppendString([]byte("before"), string(data))
		text = bytes.TrimPrefix(text, []byte("before"))
		if !utf8.Valid(text) || !json.Valid(text) {
			t.Fatalf("%q became %q", data, text)
		}
		model, err := json.Marshal(string(data))
		if err != nil {
			t.Fatal(err)
		}
		var got, want string
		if err := errors.Join(json.Unmarshal(text, &got), json.Unmarshal(model, &want)); err != nil || got != want {
			t.Errorf("%q became %q, not %q; %v", data, got, want, err)
		}
	})
}
