package program

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"meseta/cmd/internal/flags"
	"meseta/messages/units"
)

// Network configures where a process listens and which address other processes are told. The LIBPROCESS_… variables
// set it.
type Network struct {
	IP, AdvertiseIP     string // "" means all addresses, and an address derived from the hostname
	Port, AdvertisePort int    // 0 means any free port, and the port listened on

	// PeerQueue limits the bytes that wait for one peer that does not read; see libprocess.Options.MaxQueue. 0 means the default
	// of the wire; the variable MESETA_PEER_QUEUE does not accept 0.
	PeerQueue units.Bytes

	matchPeerIP bool // refuse messages whose sender claims another IP address than they come from
}

func (n *Network) bind(set *flags.Set) {
	set.Bind("LIBPROCESS_IP", &n.IP)
	set.Bind("LIBPROCESS_PORT", &n.Port)
	set.Bind("LIBPROCESS_ADVERTISE_IP", &n.AdvertiseIP)
	set.Bind("LIBPROCESS_ADVERTISE_PORT", &n.AdvertisePort)
	set.Bind("LIBPROCESS_REQUIRE_PEER_ADDRESS_IP_MATCH", &n.matchPeerIP)
	set.Define(flags.Flag{
		Group: "Actor runtime", Name: "MESETA_PEER_QUEUE", Type: "size", Default: "64MB",
		Help: "how much data may wait for one process that does not read; when more does and the process takes nothing for 30secs, " +
			"or 1GB more waits for all processes together, the connections to that process are closed",
	}, &n.PeerQueue)
	set.Check(func() error {
		if n.PeerQueue == 0 || n.PeerQueue > math.MaxInt {
			return fmt.Errorf("MESETA_PEER_QUEUE: %s is not between 1B and 8EB", n.PeerQueue)
		}
		return nil
	})
}

// Discover sets IP to what a command of the shell prints, unless that is empty. The command may not be combined with an IP.
//
// Mesos: main of the master and of the agent.
//
// Differs: Mesos fails later, and without naming the command, if that prints no IP address.
func (n *Network) Discover(command string) error {
	if command == "" {
		return nil
	}
	if n.IP != "" {
		return errors.New("Only one of `--ip` or `--ip_discovery_command` should be specified")
	}
	c := exec.Command("sh", "-c", command)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return fmt.Errorf("--ip_discovery_command: %q fails: %w", command, err)
	}
	ip := strings.TrimSpace(string(out))
	if net.ParseIP(ip) == nil {
		return fmt.Errorf("--ip_discovery_command: %q prints %q, which is not an IP address", command, ip)
	}
	n.IP = ip
	return nil
}

// address returns the address to listen on.
func (n *Network) address() string {
	return net.JoinHostPort(cmp.Or(n.IP, "0.0.0.0"), strconv.Itoa(n.Port))
}

// advertised returns the IP address that other processes are told: the configured one or, when listening on all
// addresses, that of this host's name. It is empty if that is the address the process listens on.
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

// ownIP returns the IP address of this host's name, as libprocess finds it, or the loopback address if it has none.
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
