package seccomp

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	pb "meseta/messages/pb/seccomppb"
)

// call is a system call, as a program sees it.
type call struct {
	number, arch uint32
	args         [arguments]uint64
}

// machine returns what runs a program, as the kernel does.
func machine(t *testing.T, program []unix.SockFilter) *bpf.VM {
	t.Helper()
	var all []bpf.Instruction
	for _, i := range program {
		all = append(all, bpf.RawInstruction{Op: i.Code, Jt: i.Jt, Jf: i.Jf, K: i.K}.Disassemble())
	}
	vm, err := bpf.NewVM(all)
	if err != nil {
		t.Fatal(err)
	}
	return vm
}

// run returns what a program says about a system call.
func run(t *testing.T, vm *bpf.VM, c call) uint32 {
	t.Helper()
	data := make([]byte, offsetArguments+8*arguments) // words that the virtual machine reads as the kernel reads its own
	binary.BigEndian.PutUint32(data[offsetNumber:], c.number)
	binary.BigEndian.PutUint32(data[offsetArchitecture:], c.arch)
	for i, a := range c.args {
		binary.BigEndian.PutUint32(data[offsetArguments+8*i:], uint32(a))
		binary.BigEndian.PutUint32(data[offsetArguments+8*i+4:], uint32(a>>32))
	}
	n, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

func parse(t *testing.T, text string) *Profile {
	t.Helper()
	p, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const archMap = `"archMap": [
	{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
	{"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}]`

func here(t *testing.T) (architecture, map[string]uint32) {
	t.Helper()
	a, known := architectures[native()]
	if !known {
		t.Skip("the system calls of this machine are not known here")
	}
	return a, a.numbers()
}

const (
	allowed = uint32(unix.SECCOMP_RET_ALLOW)
	denied  = uint32(returnErrno) | uint32(unix.EPERM)
	unknown = uint32(returnErrno) | uint32(unix.ENOSYS)
)

// Every comparison is that of 64-bit numbers.
func TestComparisons(t *testing.T) {
	t.Parallel()
	arch, numbers := here(t)
	values := []uint64{0, 1, 5, 6, 1<<32 - 1, 1 << 32, 1<<32 + 5, 5<<32 + 1, 5<<32 + 5, 6 << 32, 1<<64 - 1}
	for op, is := range map[string]func(a, v, two uint64) bool{
		"NE": func(a, v, _ uint64) bool { return a != v }, "EQ": func(a, v, _ uint64) bool { return a == v },
		"LT": func(a, v, _ uint64) bool { return a < v }, "LE": func(a, v, _ uint64) bool { return a <= v },
		"GT": func(a, v, _ uint64) bool { return a > v }, "GE": func(a, v, _ uint64) bool { return a >= v },
		"MASKED_EQ": func(a, v, two uint64) bool { return a&v == two },
	} {
		for _, v := range values {
			const two = 5
			p := parse(t, fmt.Sprintf(`{"defaultAction": "SCMP_ACT_ERRNO", %s, "syscalls": [{"names": ["personality"], "action": "SCMP_ACT_ALLOW",
				"args": [{"index": 3, "value": %d, "valueTwo": %d, "op": "SCMP_CMP_%s"}, {"index": 0, "value": 7, "op": "SCMP_CMP_EQ"}]}]}`, archMap, v, two, op))
			program, err := Compile(p, 0)
			if err != nil {
				t.Fatal(err)
			}
			vm := machine(t, program)
			for _, a := range values {
				want := denied
				if is(a, v, two) {
					want = allowed
				}
				if got := run(t, vm, call{numbers["personality"], arch.audit, [6]uint64{7, 0, 0, a}}); got != want {
					t.Errorf("%d %s %d: %#x, want %#x", a, op, v, got, want)
				}
				if got := run(t, vm, call{numbers["personality"], arch.audit, [6]uint64{8, 0, 0, a}}); got != denied {
					t.Errorf("%d %s %d, but another argument is wrong: %#x", a, op, v, got)
				}
			}
		}
	}
}

// Rules count for their architectures, capabilities and arguments.
func TestRules(t *testing.T) {
	t.Parallel()
	arch, numbers := here(t)
	const chown, sysAdmin = 1 << 0, 1 << 21
	p := parse(t, `{"defaultAction": "SCMP_ACT_ERRNO", `+archMap+`, "syscalls": [
		{"names": ["read", "write", "close", "from_the_future"], "action": "SCMP_ACT_ALLOW", "args": [], "includes": {}, "excludes": {}},
		{"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
		{"names": ["fchown"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_CHOWN"]}},
		{"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64", "arm64"]}},
		{"names": ["reboot"], "action": "SCMP_ACT_ALLOW", "excludes": {"arches": ["amd64", "arm64"]}},
		{"names": ["kexec_load"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390"]}},
		{"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]},
		{"names": ["personality"], "action": "SCMP_ACT_TRAP", "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]},
		{"names": ["personality"], "action": "SCMP_ACT_KILL"},
		{"names": ["getpid"], "action": "SCMP_ACT_TRACE"}]}`)
	const first = 8
	for _, c := range []struct {
		name     string
		arg      uint64
		bounding uint64
		want     uint32
	}{
		{"read", 0, 0, allowed}, {"write", 0, 0, allowed}, {"close", 0, 0, allowed}, {"fsync", 0, 0, denied},
		{"mount", 0, 0, denied}, {"mount", 0, chown, denied}, {"mount", 0, sysAdmin | chown, allowed},
		{"fchown", 0, 0, allowed}, {"fchown", 0, sysAdmin, allowed}, {"fchown", 0, chown, denied},
		{"ptrace", 0, 0, allowed}, {"reboot", 0, 0, denied}, {"kexec_load", 0, 0, denied},
		{"personality", 0, 0, allowed}, {"personality", first, 0, unix.SECCOMP_RET_TRAP}, {"personality", 9, 0, unix.SECCOMP_RET_KILL_THREAD},
		{"getpid", 0, 0, unix.SECCOMP_RET_TRACE | uint32(unix.EPERM)},
		{"clone3", 0, 0, unknown},
	} {
		program, err := Compile(p, c.bounding)
		if err != nil {
			t.Fatal(err)
		}
		vm := machine(t, program)
		if got := run(t, vm, call{numbers[c.name], arch.audit, [6]uint64{c.arg}}); got != c.want {
			t.Errorf("%s(%d) with %#x: %#x, want %#x", c.name, c.arg, c.bounding, got, c.want)
		}
		if got := run(t, vm, call{numbers[c.name], 0xdeadbeef, [6]uint64{c.arg}}); got != unix.SECCOMP_RET_KILL_THREAD {
			t.Errorf("%s of another machine: %#x", c.name, got)
		}
		if got := run(t, vm, call{x32Bit | numbers[c.name], arch.audit, [6]uint64{c.arg}}); got != unknown {
			t.Errorf("%s of x32: %#x", c.name, got)
		}
		for sub, known := range architectures { // 32-bit programs have numbers of their own
			if (sub == pb.ContainerSeccompProfile_ARCH_X86) == (native() == pb.ContainerSeccompProfile_ARCH_X86_64) && sub != native() &&
				(sub == pb.ContainerSeccompProfile_ARCH_X86 || sub == pb.ContainerSeccompProfile_ARCH_ARM) {
				if got := run(t, vm, call{known.numbers()[c.name], known.audit, [6]uint64{c.arg}}); got != c.want {
					t.Errorf("%s of a 32-bit program: %#x, want %#x", c.name, got, c.want)
				}
			}
		}
	}
}

// What Docker's profiles have and Mesos's format has not counts: other errors, versions of the kernel, and capabilities and
// machines that are younger.
func TestYoungerRules(t *testing.T) {
	t.Parallel()
	arch, numbers := here(t)
	const errno, pid, trace = 61, 7, 9
	p := parse(t, strings.Replace(`{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 61, `+archMap+`, "syscalls": [
		{"comment": "old enough", "names": ["read"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "3.0"}},
		{"names": ["write"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "999.0"}},
		{"names": ["close"], "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "999.0"}},
		{"names": ["fsync"], "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "3.0"}},
		{"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_BPF"]}},
		{"names": ["perf_event_open"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_PERFMON", "CAP_CHECKPOINT_RESTORE"]}},
		{"names": ["getpid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7},
		{"names": ["gettid"], "action": "SCMP_ACT_TRACE", "errnoRet": 9},
		{"names": ["getuid"], "action": "SCMP_ACT_KILL", "errnoRet": 9},
		{"names": ["getgid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 0},
		{"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
		{"names": ["riscv_flush_icache"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["riscv64"]}}]}`,
		`"archMap": [`, `"archMap": [{"architecture": "SCMP_ARCH_RISCV64", "subArchitectures": null}, {"architecture": "SCMP_ARCH_LOONGARCH64"},`, 1))
	for _, c := range []struct {
		name     string
		bounding uint64
		want     uint32
	}{
		{"read", 0, allowed}, {"write", 0, returnErrno | errno}, {"close", 0, allowed}, {"fsync", 0, returnErrno | errno},
		{"bpf", 0, returnErrno | errno}, {"bpf", 1 << unix.CAP_BPF, allowed},
		{"perf_event_open", 0, allowed}, {"perf_event_open", 1 << unix.CAP_PERFMON, returnErrno | errno},
		{"perf_event_open", 1 << unix.CAP_CHECKPOINT_RESTORE, returnErrno | errno},
		{"getpid", 0, returnErrno | pid}, {"gettid", 0, unix.SECCOMP_RET_TRACE | trace}, {"getuid", 0, unix.SECCOMP_RET_KILL_THREAD},
		{"getgid", 0, returnErrno}, {"clone3", 0, unknown}, {"acct", 0, returnErrno | errno},
	} {
		program, err := Compile(p, c.bounding)
		if err != nil {
			t.Fatal(err)
		}
		if got := run(t, machine(t, program), call{number: numbers[c.name], arch: arch.audit}); got != c.want {
			t.Errorf("%s with %#x: %#x, want %#x", c.name, c.bounding, got, c.want)
		}
	}
}

// All of a large profile is found: each system call has its own answer.
func TestEverySystemCall(t *testing.T) {
	t.Parallel()
	arch, numbers := here(t)
	var odd []string
	for name, n := range numbers {
		if n%3 != 0 {
			odd = append(odd, `"`+name+`"`)
		}
	}
	program, err := Compile(parse(t, `{"defaultAction": "SCMP_ACT_KILL", `+archMap+`, "syscalls": [{"names": [`+strings.Join(odd, ",")+`], "action": "SCMP_ACT_ALLOW"}]}`), 0)
	if err != nil {
		t.Fatal(err)
	}
	vm, known := machine(t, program), map[uint32]bool{}
	for _, n := range numbers {
		known[n] = true
	}
	for n := range uint32(600) {
		want := uint32(unix.SECCOMP_RET_KILL_THREAD)
		if known[n] && n%3 != 0 {
			want = allowed
		}
		if got := run(t, vm, call{number: n, arch: arch.audit}); got != want {
			t.Errorf("system call %d: %#x, want %#x", n, got, want)
		}
	}
}

// A profile that is wrong is refused in Mesos's words.
func TestProfilesRefused(t *testing.T) {
	t.Parallel()
	with := func(rule string) string {
		return `{"defaultAction": "SCMP_ACT_ERRNO", ` + archMap + `, "syscalls": [` + rule + `]}`
	}
	for text, want := range map[string]string{
		`{`:                                   "unexpected end of JSON input",
		`{}`:                                  "Cannot determine 'defaultAction' for the Seccomp configuration: Not found",
		`{"defaultAction": "ERRNO"}`:          "Unexpected syscall action: 'ERRNO'",
		`{"defaultAction": "SCMP_ACT_LOG"}`:   "Unknown syscall action: 'SCMP_ACT_LOG'",
		`{"defaultAction": "SCMP_ACT_ALLOW"}`: "Cannot determine 'archMap' for the Seccomp configuration: Not found",
		`{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [], "syscalls": []}`:                                "no 'archMap' item for this machine",
		`{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [{}]}`:                                              "Unexpected architecture: ''",
		`{"defaultAction": "SCMP_ACT_ALLOW", ` + archMap + `}`:                                              "Cannot determine 'syscalls' for the Seccomp configuration: Not found",
		with(`{"names": ["read"], "action": "x"}`):                                                          "Unexpected syscall action: 'x'",
		with(`{"names": [], "action": "SCMP_ACT_ALLOW"}`):                                                   "Syscall 'names' list is empty",
		with(`{"names": ["raed"], "action": "SCMP_ACT_KILL"}`):                                              "Unrecognized syscall 'raed'",
		with(`{"names": ["a"], "action": "SCMP_ACT_KILL", "args": [{}]}`):                                   "Cannot determine 'index' field for 'args' item: Not found",
		with(`{"names": ["a"], "action": "SCMP_ACT_KILL", "args": [{"index": 6}]}`):                         "no argument with index 6",
		with(`{"names": ["a"], "action": "SCMP_ACT_KILL", "args": [{"index": 0, "value": 1, "op": "EQ"}]}`): "Unexpected operation: 'EQ'",
		with(`{"names": ["a"], "action": "SCMP_ACT_KILL", "includes": {"caps": ["CAP_FLY"]}}`):              "Unknown capability: 'CAP_FLY'",
		with(`{"names": ["a"], "action": "SCMP_ACT_KILL", "excludes": {"arches": ["pdp11"]}}`):              "Unknown architecture: 'pdp11'",
		with(`{"names": ["read"], "action": "SCMP_ACT_KILL", "includes": {"minKernel": "new"}}`):            "Unexpected kernel version: 'new': it has to be like 4.8",
		with(`{"names": ["read"], "action": "SCMP_ACT_KILL", "includes": {"minKernel": "4.8.1"}}`):          "Unexpected kernel version: '4.8.1'",
		with(`{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": -1}`):                             "cannot unmarshal number -1",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bad.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"none.json": "Failed to read Seccomp profile file '" + dir + "/none.json'", "bad.json": "Failed to parse Seccomp profile '" + dir + "/bad.json'", "../x": "is not in",
	} {
		if _, err := Read(dir, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"defaultAction": "SCMP_ACT_ERRNO", ` + archMap + `, "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}`))
	f.Fuzz(func(_ *testing.T, content []byte) { _, _ = Parse(content) })
}
