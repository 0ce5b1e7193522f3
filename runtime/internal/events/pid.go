package events

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// PID names an actor on any node: libprocess's UPID, written id@ip:port. It is comparable and may be a map key. The
// zero PID names nobody.
type PID struct {
	ID   string // the actor, unique on its node: "master", "slave(1)"
	Addr string // the node's advertised "ip:port"
}

// ParsePID reads id@ip:port. The id must not be empty and the address must be an IP address and a port.
func ParsePID(s string) (PID, error) {
	id, addr, ok := strings.Cut(s, "@")
	if !ok || id == "" {
		return PID{}, fmt.Errorf("runtime: %q is not a PID; want id@ip:port", s)
	}
	ap, err := netip.ParseAddrPort(addr)
	if err == nil && ap.Addr().Zone() != "" {
		err = errors.New("an address that others reach has no zone")
	}
	if err != nil {
		return PID{}, fmt.Errorf("runtime: %q is not a PID; want id@ip:port: %w", s, err)
	}
	return PID{ID: id, Addr: netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()).String()}, nil
}

// String is the inverse of [ParsePID].
func (p PID) String() string {
	if p.IsZero() {
		return ""
	}
	return p.ID + "@" + p.Addr
}

// IsZero reports whether p names nobody.
func (p PID) IsZero() bool { return p == PID{} }
