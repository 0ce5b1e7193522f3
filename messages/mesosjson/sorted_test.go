package mesosjson_test

import (
	"testing"

	"meseta/messages/mesosjson"
)

func TestSorted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"b":[{"d":1.0,"c":"\/\u0007"},2],"a":{},"é":null}`: `{"a":{},"b":[{"c":"\/\u0007","d":1.0},2],"é":null}`,
		`[]`:      `[]`,
		`"{b,a}"`: `"{b,a}"`,
	} {
		if got := string(mesosjson.Sorted([]byte(text))); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
