package subsystems

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"meseta/messages/pb/mesospb"
	"meseta/slave/cgroups"
)

// unifiedDevices bounds the devices that a container may open or make, in version 2: a program in the kernel decides, which is
// attached to the group of the container and goes with it. Groups in it can have less, and not more.
//
// Mesos: DeviceManagerProcess, ebpf::cgroups2::attach.
type unifiedDevices struct {
	member
	program *ebpf.Program // the same for all containers
}

func newUnifiedDevices(more []*mesospb.DeviceAccess) (subsystem, error) {
	entries, err := deviceEntries(more)
	if err != nil {
		return nil, err
	}
	instructions, err := deviceProgram(entries)
	if err != nil {
		return nil, err
	}
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "meseta_devices", Type: ebpf.CGroupDevice, Instructions: instructions, License: "Apache-2.0",
	})
	if err != nil {
		return nil, fmt.Errorf("the kernel does not take the program that decides about devices, which needs the capability BPF and Linux 4.15; start the agent without the isolator cgroups/devices: %w", err)
	}
	return unifiedDevices{program: program}, nil
}

func (s unifiedDevices) prepare(g cgroups.Group, _ *info) error {
	dir, err := os.Open(g.Path())
	if err != nil {
		return fmt.Errorf("Failed to open the cgroup: %w", err)
	}
	defer dir.Close()
	err = link.RawAttachProgram(link.RawAttachProgramOptions{
		Target: int(dir.Fd()), Program: s.program, Attach: ebpf.AttachCGroupDevice, Flags: unix.BPF_F_ALLOW_MULTI,
	})
	if err != nil {
		return fmt.Errorf("Failed to attach the program that decides about devices to '%s': %w", g.Path(), err)
	}
	return nil
}

// The kernel's numbers of what is asked about a device: struct bpf_cgroup_dev_ctx.
const (
	blockDevice, charDevice             = 1, 2
	makeDevice, readDevice, writeDevice = 1, 2, 4

	kindMask   = 0xffff // of the first word
	accessBits = 16     // by which the access is above it

	offsetAccess, offsetMajor, offsetMinor = 0, 4, 8
)

// deviceProgram returns the program that allows devices by lines like those of version 1, such as "c 1:* rm", and nothing else.
//
// Mesos: DeviceProgram.
func deviceProgram(entries []string) (asm.Instructions, error) {
	all := asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, offsetAccess, asm.Word),
		asm.Mov.Reg(asm.R3, asm.R2),
		asm.And.Imm(asm.R2, kindMask),
		asm.RSh.Imm(asm.R3, accessBits),
		asm.LoadMem(asm.R4, asm.R1, offsetMajor, asm.Word),
		asm.LoadMem(asm.R5, asm.R1, offsetMinor, asm.Word),
	}
	for i, entry := range entries {
		rule, err := deviceRule(entry, label(i+1))
		if err != nil {
			return nil, fmt.Errorf("device '%s': %w", entry, err)
		}
		rule[0] = rule[0].WithSymbol(label(i))
		all = append(all, rule...)
	}
	return append(all, asm.Mov.Imm(asm.R0, 0).WithSymbol(label(len(entries))), asm.Return()), nil
}

// label names the instructions of an entry.
func label(entry int) string { return "entry" + strconv.Itoa(entry) }

// deviceRule returns the instructions that allow what one entry allows, and go on at next otherwise.
func deviceRule(entry, next string) (asm.Instructions, error) {
	var kind, number, access string
	if n, err := fmt.Sscanf(entry, "%s %s %s", &kind, &number, &access); n != 3 {
		return nil, err
	}
	kinds := map[string]int32{"b": blockDevice, "c": charDevice}
	if kinds[kind] == 0 {
		return nil, errors.New("it is neither b nor c")
	}
	all := asm.Instructions{asm.JNE.Imm(asm.R2, kinds[kind], next)}
	bits, err := accessOf(access)
	if err != nil {
		return nil, err
	}
	all = append(all, asm.Mov.Reg(asm.R1, asm.R3), asm.And.Imm(asm.R1, bits), asm.JNE.Reg(asm.R1, asm.R3, next))
	numbers, err := deviceNumbers(number)
	if err != nil {
		return nil, err
	}
	for i, register := range []asm.Register{asm.R4, asm.R5} {
		if n := numbers[i]; n >= 0 {
			all = append(all, asm.JNE.Imm(register, n, next))
		}
	}
	return append(all, asm.Mov.Imm(asm.R0, 1), asm.Return()), nil
}

func accessOf(text string) (bits int32, err error) {
	for _, c := range text {
		switch c {
		case 'r':
			bits |= readDevice
		case 'w':
			bits |= writeDevice
		case 'm':
			bits |= makeDevice
		default:
			return 0, fmt.Errorf("%q is neither r nor w nor m", c)
		}
	}
	return bits, nil
}

// deviceNumbers returns the major and the minor number in a text such as 1:*, with -1 for any.
func deviceNumbers(text string) (all [2]int32, err error) {
	for i, part := range strings.SplitN(text+":", ":", 3)[:2] {
		if part == "*" {
			all[i] = -1
			continue
		}
		n, err := strconv.ParseInt(part, 10, 32)
		if err != nil || n < 0 {
			return all, fmt.Errorf("%q is no number of a device", part)
		}
		all[i] = int32(n)
	}
	return all, nil
}
