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
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	pb "meseta/messages/pb/seccomppb"
)

// Read reads a profile from a directory. The name cannot lead out of it.
//
// Mesos: parseProfile.
//
// Differs: Mesos reads what a framework names with ".." in it.
func Read(dir, name string) (*pb.ContainerSeccompProfile, error) {
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
	DefaultAction *string `json:"defaultAction"`
	ArchMap       []struct {
		Architecture     string   `json:"architecture"`
		SubArchitectures []string `json:"subArchitectures"`
	} `json:"archMap"`
	Syscalls []rule `json:"syscalls"`
}

// rule is what a profile says about some system calls.
type rule struct {
	Names              []string `json:"names"`
	Action             string   `json:"action"`
	Args               []argument
	Includes, Excludes condition
}

// condition says on which machines, or for which containers, a rule counts.
type condition struct {
	Caps   []string
	Arches []string
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
// Differs: includes, excludes, args and valueTwo may be left out, as in Docker's own profiles since 2021. Mesos demands them.
func Parse(content []byte) (*pb.ContainerSeccompProfile, error) {
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
	p := &pb.ContainerSeccompProfile{DefaultAction: action.Enum()}
	if p.Architectures, err = d.architectures(); err != nil {
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
			p.Syscalls = append(p.Syscalls, s)
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

// architectures returns the one of this machine with those whose programs it runs, too.
func (d document) architectures() (all []pb.ContainerSeccompProfile_Architecture, err error) {
	if d.ArchMap == nil {
		return nil, errors.New("Cannot determine 'archMap' for the Seccomp configuration: Not found")
	}
	for _, item := range d.ArchMap {
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
	if err != nil || r.Includes.Arches != nil && !here {
		return nil, false, err
	}
	if here, err = r.Excludes.here(); err != nil || here {
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

// filter returns the capabilities of a condition; nil if it has none.
func (c condition) filter() (*pb.ContainerSeccompProfile_Syscall_Filter, error) {
	if c.Caps == nil {
		return nil, nil
	}
	f := &pb.ContainerSeccompProfile_Syscall_Filter{}
	for _, name := range c.Caps {
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
	"riscv64": pb.ContainerSeccompProfile_UNKNOWN, // younger than Mesos
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
