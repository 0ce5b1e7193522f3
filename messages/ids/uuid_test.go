package ids_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"meseta/messages/ids"
)

func TestUUID(t *testing.T) {
	t.Parallel()
	version4 := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[ids.UUID]bool{}
	for range 1000 {
		u := ids.NewUUID(r)
		if !version4.MatchString(u.String()) || seen[u] {
			t.Fatalf("%s is not a fresh UUID of version 4", u)
		}
		seen[u] = true
		if back, err := ids.UUIDOf(u.Bytes()); err != nil || back != u {
			t.Fatalf("%s came back as %s, %v", u, back, err)
		}
	}
	if _, err := ids.UUIDOf([]byte("short")); err == nil {
		t.Fatal("5 bytes made a UUID")
	}
}

// Sixteen bytes are a UUID if they say of which version.
func TestCheckUUID(t *testing.T) {
	t.Parallel()
	good := []byte{0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 0}
	for _, c := range []struct {
		uuid []byte
		good bool
	}{
		{good, true},
		{append([]byte{0, 0, 0, 0, 0, 0, 0x10}, good[7:]...), true}, // version 1
		{good[1:], false},
		{make([]byte, 16), false},
		{nil, false},
	} {
		if err := ids.CheckUUID(c.uuid); c.good != (err == nil) || err != nil && err.Error() != "Not a valid UUID" {
			t.Errorf("%x: %v", c.uuid, err)
		}
	}
}

// Only the text of a UUID is one.
func TestParseUUID(t *testing.T) {
	t.Parallel()
	const text = "0b1c2d3e-4f50-4a6b-8c7d-9e0f10213243"
	if u, err := ids.ParseUUID(text); err != nil || u.String() != text {
		t.Errorf("%s is %v, %v", text, u, err)
	}
	for _, bad := range []string{"", "x", text[1:], text + "0", strings.ToUpper(text), strings.ReplaceAll(text, "-", ""), "../" + text} {
		if u, err := ids.ParseUUID(bad); err == nil {
			t.Errorf("%q is %v", bad, u)
		}
	}
}
