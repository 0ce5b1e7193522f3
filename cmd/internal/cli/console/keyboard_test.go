package console

import "testing"

// The keys that detach are found however they are cut; one of them alone goes on, if late.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		chunks []string // "" is a pause
		want   string
		detach bool
	}{
		{"plain", []string{"ls\r"}, "ls\r", false},
		{"together", []string{"ls\x10\x11x"}, "", true},
		{"apart", []string{"a", "\x10", "\x11"}, "a", true},
		{"one and another", []string{"\x10", "a"}, "\x10a", false},
		{"twice the first", []string{"\x10\x10", "\x11"}, "\x10", true},
		{"after a pause", []string{"\x10", "", "\x11"}, "\x10\x11", false},
		{"the second alone", []string{"\x11"}, "\x11", false},
	} {
		var keys keyboard
		got, detach := "", false
		for _, chunk := range c.chunks {
			if chunk == "" {
				got += string(keys.release())
				continue
			}
			pass, leave := keys.press([]byte(chunk))
			got += string(pass)
			detach = detach || leave
		}
		if got != c.want || detach != c.detach {
			t.Errorf("%s: got %q, %v, want %q, %v", c.name, got, detach, c.want, c.detach)
		}
	}
}
