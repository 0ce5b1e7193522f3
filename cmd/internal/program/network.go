package program

import (
	"cmp"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"

	"meseta/cmd/internal/flags"
	"meseta/messages/units"
)

// Network is where a process listens, and what others are told of that. The variables LIBPROCESS_… set it.
type Network struct {
	IP, AdvertiseIP     string // "" is every address, and what [Network] makes of it
	Port, AdvertisePort int    // 0 is any port, and the one that it is

	// PeerQueue bounds what waits for one peer that does not read, before its connections are closed. 0 is the wire's
	// default; the variable refuses it.
	PeerQueue units.Bytes

	matchPeerIP bool // refuse messages of senders that say another address than they come from
}

func (n *Network) bind(set *flags.Set) {
	set.Bind("LIBPROCESS_IP", &n.IP)
	set.Bind("LIBPROCESS_PORT", &n.Port)
	set.Bind("LIBPROCESS_ADVERTISE_IP", &n.AdvertiseIP)
	set.Bind("LIBPROCESS_ADVERTISE_PORT", &n.AdvertisePort)
	set.Bind("LIBPROCESS_REQUIRE_PEER_ADDRESS_IP_MATCH", &n.matchPeerIP)
	set.Define(flags.Flag{
		Group: "Actor runtime", Name: "MESETA_PEER_QUEUE", Type: "size", Default: "64MB",
		Help: "how much may wait to be sent to one process that does not read; beyond it the connections to that process are closed",
	}, &n.PeerQueue)
	set.Check(func() error {
		if n.PeerQueue == 0 || n.PeerQueue > math.MaxInt {
			return fmt.Errorf("MESETA_PEER_QUEUE: %s is not between 1B and 8EB", n.PeerQueue)
		}
		return nil
	})
}

// address is what to listen on.
func (n *Network) address() string {
	return net.JoinHostPort(cmp.Or(n.IP, "0.0.0.0"), strconv.Itoa(n.Port))
}

// advertised is what others are told: what was named, or, when listening everywhere, the address this host's name has.
// It is empty if that is where the process listens.
func (n *Network) advertised() string {
	ip := n.AdvertiseIP
	if listen := net.ParseIP(cmp.Or(n.IP, "0.0.0.0")); ip == "" && listen != nil && listen.IsUnspecified() {
		ip = ownIP()
	}
	if ip == "" && n.AdvertisePort == 0 {
		return ""
	}
	return net.JoinHostPort(ip, strconv.Itoa(n.AdvertisePort))
}

// ownIP is the address of this host's name, as libprocess finds it; loopback if it has none.
func ownIP() string {
	name, err := os.Hostname()
	if err == nil {
		if ips, err := net.LookupIP(name); err == nil {
			for _, ip := range ips {
				if v4 := ip.To4(); v4 != nil {
					return v4.String()
				}
			}
		}
	}
	return "127.0.0.1"
}
