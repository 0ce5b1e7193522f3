package election

import (
	"encoding/binary"
	"net/netip"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// MasterInfo describes the master at pid as far as its address allows. The ID is the PID, since only the master knows
// the real one.
//
// Mesos: protobuf::createMasterInfo, whose id is random.
func MasterInfo(pid runtime.PID) *mesospb.MasterInfo {
	info := &mesospb.MasterInfo{Id: proto.String(pid.String()), Pid: proto.String(pid.String())}
	Address(info, pid.Addr, "")
	return info
}

// Address writes addr ("ip:port") and hostname into all the fields of info that name an address. If hostname is empty,
// the IP is used. If addr is not an address, the required fields are zero.
func Address(info *mesospb.MasterInfo, addr, hostname string) {
	ap, _ := netip.ParseAddrPort(addr)
	ip := ap.Addr().Unmap()
	if hostname == "" && ip.IsValid() {
		hostname = ip.String()
	}
	info.Ip, info.Port = proto.Uint32(0), proto.Uint32(uint32(ap.Port()))
	if ip.Is4() {
		b := ip.As4()
		info.Ip = proto.Uint32(binary.LittleEndian.Uint32(b[:])) // in network order, as a C program on amd64 loads it
	}
	info.Hostname = proto.String(hostname)
	info.Address = &mesospb.Address{
		Hostname: proto.String(hostname), Ip: proto.String(ip.String()), Port: proto.Int32(int32(ap.Port())),
	}
}

// PID returns the address of the master that info describes, or the zero PID if info is nil or has no address.
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
