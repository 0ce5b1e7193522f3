package detector

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Parse returns the detector that an operator asks for with --master: "host:port", "master@host:port", or "file://"
// and the path of a file that holds one of these. Host names are resolved once, here.
//
// Mesos: MasterDetector::create.
func Parse(ctx context.Context, spec string) (Detector, error) {
	spec = strings.TrimSpace(spec)
	if path, ok := strings.CutPrefix(spec, "file://"); ok {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the master's address: %w", err)
		}
		return Parse(ctx, string(content))
	}
	if scheme, _, ok := strings.Cut(spec, "://"); ok {
		return nil, fmt.Errorf("detect the master at %q: detection by %s is not supported yet", spec, scheme)
	}
	pid, err := resolve(ctx, spec)
	if err != nil {
		return nil, err
	}
	return NewStandalone(MasterInfo(pid)), nil
}

func resolve(ctx context.Context, spec string) (runtime.PID, error) {
	address := strings.TrimPrefix(spec, "master@")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return runtime.PID{}, fmt.Errorf("master %q is not host:port: %w", spec, err)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
	if err != nil {
		return runtime.PID{}, fmt.Errorf("resolve master %q: %w", spec, err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return runtime.PID{}, fmt.Errorf("master %q has no port number: %w", spec, err)
	}
	return runtime.PID{ID: "master", Addr: netip.AddrPortFrom(ips[0].Unmap(), uint16(number)).String()}, nil
}

// MasterInfo describes the master at pid as far as its address tells; the id is the PID, since the real one is known
// to the master alone.
//
// Mesos: protobuf::createMasterInfo, whose id is random.
func MasterInfo(pid runtime.PID) *mesospb.MasterInfo {
	info := &mesospb.MasterInfo{Id: proto.String(pid.String()), Pid: proto.String(pid.String())}
	Address(info, pid.Addr, "")
	return info
}

// Address writes the "ip:port" addr, and hostname or else the IP, into all the fields of info that name an address.
// An addr that is none leaves the required ones zero.
func Address(info *mesospb.MasterInfo, addr, hostname string) {
	ap, _ := netip.ParseAddrPort(addr)
	ip := ap.Addr().Unmap()
	if hostname == "" && ip.IsValid() {
		hostname = ip.String()
	}
	info.Ip, info.Port = proto.Uint32(0), proto.Uint32(uint32(ap.Port()))
	if ip.Is4() {
		b := ip.As4()
		info.Ip = proto.Uint32(binary.LittleEndian.Uint32(b[:])) // in network order, as a C program on amd64 reads it
	}
	info.Hostname = proto.String(hostname)
	info.Address = &mesospb.Address{
		Hostname: proto.String(hostname), Ip: proto.String(ip.String()), Port: proto.Int32(int32(ap.Port())),
	}
}

// PID returns where the master described by info is; the zero PID if info is nil or does not tell.
func PID(info *mesospb.MasterInfo) runtime.PID {
	if info == nil {
		return runtime.PID{}
	}
	if pid, err := runtime.ParsePID(info.GetPid()); err == nil {
		return pid
	}
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], info.GetIp())
	return runtime.PID{ID: "master", Addr: netip.AddrPortFrom(netip.AddrFrom4(b), uint16(info.GetPort())).String()}
}
