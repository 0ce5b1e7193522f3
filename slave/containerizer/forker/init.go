package forker

import (
	"golang.org/x/sys/unix"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer/forker/serve"
)

// InitOf returns an init that does what info says about namespaces, mounts, links, limits, capabilities and
// no_new_privs.
func InitOf(info *slavepb.ContainerLaunchInfo) *serve.Init {
	x := &serve.Init{NoNewPrivileges: info.GetNoNewPrivileges(), Masked: info.GetMaskedPaths()}
	for _, flag := range info.GetCloneNamespaces() {
		x.Namespaces |= uint32(flag)
	}
	for _, flag := range info.GetEnterNamespaces() {
		x.Enter |= uint32(flag)
	}
	for _, m := range info.GetMounts() {
		x.Mounts = append(x.Mounts, serve.Mount{Source: m.GetSource(), Target: m.GetTarget(), Type: m.GetType(), Options: m.GetOptions(), Flags: m.GetFlags()})
	}
	for _, o := range info.GetFileOperations() {
		if l := o.GetSymlink(); l != nil {
			x.Links = append(x.Links, serve.Link{Source: l.GetSource(), Target: l.GetTarget()})
		}
	}
	for _, l := range info.GetRlimits().GetRlimits() {
		limit := serve.Limit{Resource: rlimits[l.GetType()], Soft: l.GetSoft(), Hard: l.GetHard()}
		if l.Soft == nil && l.Hard == nil {
			limit.Soft, limit.Hard = unix.RLIM_INFINITY, unix.RLIM_INFINITY
		}
		x.Limits = append(x.Limits, limit)
	}
	if bounding := info.GetBoundingCapabilities(); bounding != nil {
		x.Capabilities = &serve.Capabilities{Bounding: Bits(bounding.GetCapabilities()), Effective: Bits(info.GetEffectiveCapabilities().GetCapabilities())}
	}
	return x
}

// rlimits has the kernel's number of each limit.
var rlimits = map[mesospb.RLimitInfo_RLimit_Type]uint32{
	mesospb.RLimitInfo_RLimit_RLMT_AS: unix.RLIMIT_AS, mesospb.RLimitInfo_RLimit_RLMT_CORE: unix.RLIMIT_CORE,
	mesospb.RLimitInfo_RLimit_RLMT_CPU: unix.RLIMIT_CPU, mesospb.RLimitInfo_RLimit_RLMT_DATA: unix.RLIMIT_DATA,
	mesospb.RLimitInfo_RLimit_RLMT_FSIZE: unix.RLIMIT_FSIZE, mesospb.RLimitInfo_RLimit_RLMT_LOCKS: unix.RLIMIT_LOCKS,
	mesospb.RLimitInfo_RLimit_RLMT_MEMLOCK: unix.RLIMIT_MEMLOCK, mesospb.RLimitInfo_RLimit_RLMT_MSGQUEUE: unix.RLIMIT_MSGQUEUE,
	mesospb.RLimitInfo_RLimit_RLMT_NICE: unix.RLIMIT_NICE, mesospb.RLimitInfo_RLimit_RLMT_NOFILE: unix.RLIMIT_NOFILE,
	mesospb.RLimitInfo_RLimit_RLMT_NPROC: unix.RLIMIT_NPROC, mesospb.RLimitInfo_RLimit_RLMT_RSS: unix.RLIMIT_RSS,
	mesospb.RLimitInfo_RLimit_RLMT_RTPRIO: unix.RLIMIT_RTPRIO, mesospb.RLimitInfo_RLimit_RLMT_RTTIME: unix.RLIMIT_RTTIME,
	mesospb.RLimitInfo_RLimit_RLMT_SIGPENDING: unix.RLIMIT_SIGPENDING, mesospb.RLimitInfo_RLimit_RLMT_STACK: unix.RLIMIT_STACK,
}

// firstCapability is the number of the first capability in messages. The kernel numbers them from 0, in the same order.
const firstCapability = mesospb.CapabilityInfo_CHOWN

// Bits returns a set of capabilities with one bit for each that the kernel has.
func Bits(all []mesospb.CapabilityInfo_Capability) (set uint64) {
	for _, c := range all {
		if c >= firstCapability {
			set |= 1 << (c - firstCapability)
		}
	}
	return set
}
