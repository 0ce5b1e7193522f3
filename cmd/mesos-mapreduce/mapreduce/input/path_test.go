package input

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestPathsOfAnyBytesTravel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sent := Range{Path: Path(rapid.SliceOf(rapid.Byte()).Draw(t, "path")), Length: 1}
		text, err := json.Marshal(sent)
		if err != nil {
			t.Fatal(err)
		}
		var got Range
		if err := json.Unmarshal(text, &got); err != nil || got != sent {
			t.Errorf("%q came as %q in %s, %v", sent.Path, got.Path, text, err)
		}
	})
}

func TestPathsInUTF8AreTextInJSON(t *testing.T) {
	t.Parallel()
	if text, err := json.Marshal(Path("/tmp/ä b")); string(text) != `"/tmp/ä b"` || err != nil {
		t.Errorf("%s, %v", text, err)
	}
}
