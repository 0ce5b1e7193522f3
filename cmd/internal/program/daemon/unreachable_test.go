package daemon

import (
	"strings"
	"testing"
)

// A daemon that only this host can reach says so.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, addr, want string }{
		{"agent", "127.0.0.1:5051", "Agent bound to loopback interface! Cannot communicate with remote master(s). You"},
		{"master", "127.1.2.3:5050", "Master bound to loopback interface! Cannot communicate with remote schedulers or agents. You"},
		{"master", "[::1]:5050", "Master bound to"},
		{"agent", "10.0.0.1:5051", ""},
		{"agent", "10.127.0.0:5051", ""},
		{"agent", "host:5051", ""},
	} {
		if got := unreachable(c.kind, c.addr); !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s at %s: %q, want %q", c.kind, c.addr, got, c.want)
		}
	}
}
