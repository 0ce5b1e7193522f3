// Package seccomp reads which system calls a container may make, in Docker's format, and compiles that to the program of the
// kernel that decides about each call.
//
// It has no use for a library: libseccomp is C, and the one in Go knows neither masked comparisons nor 32-bit programs, and fills
// its tables whenever a process starts, which each container would pay for.
package seccomp

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	pb "meseta/messages/pb/seccomppb"
)

// Profile is a profile that was read.
type Profile struct {
	Message *pb.ContainerSeccompProfile // what Mesos knows of it, which is recorded with containers

	fallback uint32   // the kernel's action for system calls that no rule is about
	actions  []uint32 // those of the rules of Message
}

// Read reads a profile from a directory. The name cannot lead out of it.
//
// Mesos: parseProfile.
//
// Differs: Mesos reads what a framework names with ".." in it.
func Read(dir, name string) (*Profile, error) {
	path := filepath.Join(dir, name)
	if !filepath.IsLocal(name) {
		return nil, fmt.Errorf("the Seccomp profile '%s' is not in %s", name, dir)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("Failed to read Seccomp profile file '%s': %w", path, err)
	}
	p, err := Parse(content)
	if err != nil {
		return nil, fmt.Errorf("Failed to parse Seccomp profile '%s': %w", path, err)
	}
	return p, nil
}

// document is a profile in Docker's format.
type document struct {
	DefaultAction   *string `json:"defaultAction"`
	DefaultErrnoRet *uint16 `json:"defaultErrnoRet"`
	ArchMap         []struct {
		Architecture     string   `json:"architecture"`
		SubArchitectures []string `json:"subArchitectures"`
	} `json:"archMap"`
	Syscalls []rule `json:"syscalls"`
}

// rule is what a profile says about some system calls.
type rule struct {
	Names              []string `json:"names"`
	Action             string   `json:"action"`
	ErrnoRet           *uint16  `json:"errnoRet"` // nil means EPERM
	Args               []argument
	Includes, Excludes condition
}

// condition says on which machines, or for which containers, a rule counts.
type condition struct {
	Caps      []string
	Arches    []string
	MinKernel *release
}

// argument is a comparison of an argument.
type argument struct {
	Index    *uint32
	Value    *uint64
	ValueTwo uint64
	Op       string
}

// Parse reads a profile.
//
// Mesos: parseProfileData.
//
// Differs: includes, excludes, args and valueTwo may be left out, as in Docker's own profiles since 2021. Mesos demands them. What
// these have besides counts: other errors, the least version of the kernel, and capabilities and architectures that are younger than
// Mesos.
func Parse(content []byte) (*Profile, error) {
	var d document
	if err := json.Unmarshal(content, &d); err != nil {
		return nil, err
	}
	if d.DefaultAction == nil {
		return nil, errors.New("Cannot determine 'defaultAction' for the Seccomp configuration: Not found")
	}
	action, err := parseAction(*d.DefaultAction)
	if err != nil {
		return nil, err
	}
	p := &Profile{Message: &pb.ContainerSeccompProfile{DefaultAction: action.Enum()}, fallback: kernelAction(action, d.DefaultErrnoRet)}
	if p.Message.Architectures, err = d.architectures(); err != nil {
		return nil, err
	}
	if d.Syscalls == nil {
		return nil, errors.New("Cannot determine 'syscalls' for the Seccomp configuration: Not found")
	}
	for _, r := range d.Syscalls {
		s, counts, err := r.syscall()
		if err != nil {
			return nil, err
		}
		if counts {
			p.Message.Syscalls = append(p.Message.Syscalls, s)
			p.actions = append(p.actions, kernelAction(s.GetAction(), r.ErrnoRet))
		}
	}
	_, err = Compile(p, 0)
	return p, err
}

// number returns the value of a name with a prefix.
func number(values map[string]int32, prefix, name, what string) (int32, error) {
	rest, ok := strings.CutPrefix(name, prefix)
	n, known := values[rest]
	switch {
	case !ok:
		return 0, fmt.Errorf("Unexpected %s: '%s'", what, name)
	case !known || n == 0:
		return 0, fmt.Errorf("Unknown %s: '%s'", what, name)
	}
	return n, nil
}

func parseAction(name string) (pb.ContainerSeccompProfile_Syscall_Action, error) {
	n, err := number(pb.ContainerSeccompProfile_Syscall_Action_value, "SCMP_", name, "syscall action")
	return pb.ContainerSeccompProfile_Syscall_Action(n), err
}

func parseArchitecture(name string) (pb.ContainerSeccompProfile_Architecture, error) {
	n, err := number(pb.ContainerSeccompProfile_Architecture_value, "SCMP_", name, "architecture")
	return pb.ContainerSeccompProfile_Architecture(n), err
}

// younger are architectures that Mesos does not know. No agent runs on them.
var younger = []string{"SCMP_ARCH_RISCV64", "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64", "SCMP_ARCH_M68K", "SCMP_ARCH_SH", "SCMP_ARCH_SHEB"}

// architectures returns the one of this machine with those whose programs it runs, too.
func (d document) architectures() (all []pb.ContainerSeccompProfile_Architecture, err error) {
	if d.ArchMap == nil {
		return nil, errors.New("Cannot determine 'archMap' for the Seccomp configuration: Not found")
	}
	for _, item := range d.ArchMap {
		if slices.Contains(younger, item.Architecture) {
			continue
		}
		arch, err := parseArchitecture(item.Architecture)
		if err != nil {
			return nil, err
		}
		if arch != native() {
			continue
		}
		for _, name := range item.SubArchitectures {
			sub, err := parseArchitecture(name)
			if err != nil {
				return nil, err
			}
			all = append(all, sub)
		}
		all = append(all, arch)
	}
	return all, nil
}

// syscall returns a rule as a message, and whether it counts on this machine.
func (r rule) syscall() (*pb.ContainerSeccompProfile_Syscall, bool, error) {
	action, err := parseAction(r.Action)
	if err != nil {
		return nil, false, err
	}
	s := &pb.ContainerSeccompProfile_Syscall{Names: r.Names, Action: action.Enum()}
	if len(r.Names) == 0 {
		return nil, false, errors.New("Syscall 'names' list is empty")
	}
	here, err := r.Includes.here()
	if err != nil || r.Includes.Arches != nil && !here || r.Includes.MinKernel != nil && !r.Includes.MinKernel.reached() {
		return nil, false, err
	}
	if here, err = r.Excludes.here(); err != nil || here || r.Excludes.MinKernel != nil && r.Excludes.MinKernel.reached() {
		return nil, false, err
	}
	if s.Includes, err = r.Includes.filter(); err != nil {
		return nil, false, err
	}
	if s.Excludes, err = r.Excludes.filter(); err != nil {
		return nil, false, err
	}
	for _, a := range r.Args {
		arg, err := a.message()
		if err != nil {
			return nil, false, err
		}
		s.Args = append(s.Args, arg)
	}
	return s, true, nil
}

func (a argument) message() (*pb.ContainerSeccompProfile_Syscall_Arg, error) {
	switch {
	case a.Index == nil:
		return nil, errors.New("Cannot determine 'index' field for 'args' item: Not found")
	case *a.Index >= arguments:
		return nil, fmt.Errorf("a system call has no argument with index %d: it is from 0 to %d", *a.Index, arguments-1)
	case a.Value == nil:
		return nil, errors.New("Cannot determine 'value' field for 'args' item: Not found")
	}
	op, err := number(pb.ContainerSeccompProfile_Syscall_Arg_Operator_value, "SCMP_", a.Op, "operation")
	return &pb.ContainerSeccompProfile_Syscall_Arg{
		Index: a.Index, Value: a.Value, ValueTwo: proto.Uint64(a.ValueTwo), Op: pb.ContainerSeccompProfile_Syscall_Arg_Operator(op).Enum(),
	}, err
}

// youngerCapabilities has the kernel's numbers of capabilities that Mesos does not know. Containers have them that have all.
var youngerCapabilities = map[string]mesospb.CapabilityInfo_Capability{
	"CAP_PERFMON": unix.CAP_PERFMON, "CAP_BPF": unix.CAP_BPF, "CAP_CHECKPOINT_RESTORE": unix.CAP_CHECKPOINT_RESTORE,
}

// filter returns the capabilities of a condition; nil if it has none.
func (c condition) filter() (*pb.ContainerSeccompProfile_Syscall_Filter, error) {
	if c.Caps == nil {
		return nil, nil
	}
	f := &pb.ContainerSeccompProfile_Syscall_Filter{}
	for _, name := range c.Caps {
		if n, young := youngerCapabilities[name]; young {
			f.Capabilities = append(f.Capabilities, mesospb.CapabilityInfo_CHOWN+n)
			continue
		}
		n, err := number(mesospb.CapabilityInfo_Capability_value, "CAP_", name, "capability")
		if err != nil {
			return nil, err
		}
		f.Capabilities = append(f.Capabilities, mesospb.CapabilityInfo_Capability(n))
	}
	return f, nil
}

// here reports whether this machine is one of those of a condition.
func (c condition) here() (bool, error) {
	found := false
	for _, name := range c.Arches {
		arch, known := machines[name]
		if !known {
			return false, fmt.Errorf("Unknown architecture: '%s'", name)
		}
		found = found || arch == native()
	}
	return found, nil
}

// machines has the architectures by the names in conditions.
var machines = map[string]pb.ContainerSeccompProfile_Architecture{
	"x86": pb.ContainerSeccompProfile_ARCH_X86, "amd64": pb.ContainerSeccompProfile_ARCH_X86_64, "x32": pb.ContainerSeccompProfile_ARCH_X32,
	"arm": pb.ContainerSeccompProfile_ARCH_ARM, "arm64": pb.ContainerSeccompProfile_ARCH_AARCH64,
	"mips": pb.ContainerSeccompProfile_ARCH_MIPS, "mipsel": pb.ContainerSeccompProfile_ARCH_MIPSEL,
	"mips64": pb.ContainerSeccompProfile_ARCH_MIPS64, "mipsel64": pb.ContainerSeccompProfile_ARCH_MIPSEL64,
	"mips64n32": pb.ContainerSeccompProfile_ARCH_MIPS64N32, "mipsel64n32": pb.ContainerSeccompProfile_ARCH_MIPSEL64N32,
	"ppc": pb.ContainerSeccompProfile_ARCH_PPC, "ppc64le": pb.ContainerSeccompProfile_ARCH_PPC64LE,
	"s390": pb.ContainerSeccompProfile_ARCH_S390, "s390x": pb.ContainerSeccompProfile_ARCH_S390X,
	"riscv64": pb.ContainerSeccompProfile_UNKNOWN, "loong64": pb.ContainerSeccompProfile_UNKNOWN, // younger than Mesos
}

// native returns the architecture of this machine; UNKNOWN if its system calls are not known here.
func native() pb.ContainerSeccompProfile_Architecture {
	switch goruntime.GOARCH {
	case "amd64":
		return pb.ContainerSeccompProfile_ARCH_X86_64
	case "arm64":
		return pb.ContainerSeccompProfile_ARCH_AARCH64
	}
	return -1
}
