package program

import (
	"context"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"meseta/cmd/internal/flags"
)

func TestVariablesSayWhereAProcessListens(t *testing.T) {
	t.Parallel()
	set := flags.New("mesos-executor", "run a test")
	o := Bind(set)
	_, err := set.Parse(nil, []string{
		"LIBPROCESS_IP=127.0.0.1", "LIBPROCESS_PORT=0", "LIBPROCESS_ADVERTISE_IP=192.0.2.7", "LIBPROCESS_ADVERTISE_PORT=81",
		"LIBPROCESS_REQUIRE_PEER_ADDRESS_IP_MATCH=true",
	})
	if err != nil {
		t.Fatal(err)
	}
	if !o.Network.matchPeerIP {
		t.Error("peers may say any address")
	}
	node, err := o.Start(zerolog.Nop(), Node{})
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close(context.Background())
	if node.Addr() != "192.0.2.7:81" {
		t.Errorf("others are told %s", node.Addr())
	}
}

func TestWhoListensEverywhereIsToldByItsName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		network      Network
		listen, tell string
	}{
		{Network{}, "0.0.0.0:0", ownIP() + ":0"},
		{Network{IP: "0.0.0.0", Port: 5050}, "0.0.0.0:5050", ownIP() + ":0"},
		{Network{AdvertiseIP: "192.0.2.7"}, "0.0.0.0:0", "192.0.2.7:0"},
		{Network{IP: "127.0.0.1", Port: 5050}, "127.0.0.1:5050", ""},
		{Network{IP: "127.0.0.1", AdvertisePort: 81}, "127.0.0.1:0", ":81"},
	} {
		if listen, tell := c.network.address(), c.network.advertised(); listen != c.listen || tell != c.tell {
			t.Errorf("%+v listens at %q and tells %q", c.network, listen, tell)
		}
	}
}

func TestAMistakeInAVariableIsRefused(t *testing.T) {
	t.Parallel()
	for variable, want := range map[string]string{
		"MESETA_PEER_QUEUE=0B":                           "not between 1B and",
		"MESETA_PEER_QUEUE=-1B":                          "MESETA_PEER_QUEUE",
		"LIBPROCESS_PORT=http":                           "LIBPROCESS_PORT",
		"LIBPROCESS_REQUIRE_PEER_ADDRESS_IP_MATCH=maybe": "LIBPROCESS_REQUIRE_PEER_ADDRESS_IP_MATCH",
	} {
		set := flags.New("mesos-executor", "run a test")
		Bind(set)
		if _, err := set.Parse(nil, []string{variable}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", variable, err)
		}
	}
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ ip, command, want, fails string }{
		{"", "", "", ""},
		{"10.0.0.1", "", "10.0.0.1", ""},
		{"", "echo ' 10.0.0.2 '; echo aside >&2", "10.0.0.2", ""},
		{"", "echo ::1", "::1", ""},
		{"10.0.0.1", "echo 10.0.0.2", "", "Only one of `--ip` or `--ip_discovery_command` should be specified"},
		{"", "echo here", "", `"echo here" prints "here", which is not an IP address`},
		{"", "true", "", `"true" prints "", which is not an IP address`},
		{"", "exit 3", "", `"exit 3" fails: exit status 3`},
	} {
		n := Network{IP: c.ip}
		switch err := n.Discover(c.command); {
		case c.fails == "" && (err != nil || n.IP != c.want):
			t.Errorf("%q: the IP is %q, want %q (%v)", c.command, n.IP, c.want, err)
		case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
			t.Errorf("%q: %v, want %q", c.command, err, c.fails)
		}
	}
}
