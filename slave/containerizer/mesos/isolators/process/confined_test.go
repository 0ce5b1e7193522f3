package process_test

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// asProbe makes this test a program that makes system calls. Its value is the path of a program for 32 bits.
const asProbe = "MESETA_TEST_PROBE"

func TestMain(m *testing.M) {
	if program := os.Getenv(asProbe); program != "" {
		probe(program)
		return
	}
	os.Exit(m.Run())
}

// probe prints the error of each system call, as a number. None changes anything where it is allowed.
func probe(program string) {
	call := func(number, a, b uintptr) error {
		_, _, errno := unix.RawSyscall(number, a, b, 0)
		return errno
	}
	socket := func(family int) error {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		unix.Close(fd) //nolint:errcheck // there may be none
		return err
	}
	spaces := exec.Command("/proc/self/exe")
	spaces.Env, spaces.SysProcAttr = []string{asProbe + "=-"}, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUTS}
	if program == "-" {
		return
	}
	for _, c := range []struct {
		name string
		err  error
	}{
		{"getppid", nil}, {"acct", call(unix.SYS_ACCT, 1, 0)}, {"clone of namespaces", spaces.Run()}, {"clone3", call(unix.SYS_CLONE3, 0, 0)},
		{"personality(-1)", call(unix.SYS_PERSONALITY, 0xffffffff, 0)}, {"personality(8)", call(unix.SYS_PERSONALITY, 8, 0)},
		{"socket(unix)", socket(unix.AF_UNIX)}, {"socket(vsock)", socket(unix.AF_VSOCK)}, {"mount", call(unix.SYS_MOUNT, 1, 1)},
		{"chroot", call(unix.SYS_CHROOT, 1, 0)}, {"bpf", call(unix.SYS_BPF, 1000, 0)}, {"ptrace", call(unix.SYS_PTRACE, 1000, 1<<30)},
		{"getcpu", call(unix.SYS_GETCPU, 0, 0)}, {"of x32", call(0x40000000|unix.SYS_GETPID, 0, 0)}, {"of 32 bits", exec.Command(program).Run()},
	} {
		var errno syscall.Errno
		var exit *exec.ExitError
		switch {
		case errors.As(c.err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled():
			fmt.Printf("%s: killed by %d\n", c.name, exit.Sys().(syscall.WaitStatus).Signal())
		case errors.As(c.err, &exit):
			fmt.Printf("%s: %d\n", c.name, exit.ExitCode())
		case errors.As(c.err, &errno):
			fmt.Printf("%s: %d\n", c.name, errno)
		default:
			fmt.Printf("%s: %v\n", c.name, c.err)
		}
	}
}

// machineCode is a program for 32 bits that makes a system call with bad pointers, and exits with its error.
func machineCode(t *testing.T, number byte) (path string) {
	t.Helper()
	code := []byte{
		0xbb, 1, 0, 0, 0, 0xb9, 1, 0, 0, 0, // ebx, ecx = 1
		0xb8, number, 0, 0, 0, 0xcd, 0x80, // eax = number; int 0x80
		0xf7, 0xd8, 0x89, 0xc3, // ebx = -eax
		0xb8, 1, 0, 0, 0, 0xcd, 0x80, // exit
	}
	const base, headers = 0x8048000, 52 + 32
	size := uint32(headers + len(code))
	head := elf.Header32{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS32), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_386), Version: uint32(elf.EV_CURRENT), Entry: base + headers,
		Phoff: 52, Ehsize: 52, Phentsize: 32, Phnum: 1,
	}
	segment := elf.Prog32{Type: uint32(elf.PT_LOAD), Vaddr: base, Paddr: base, Filesz: size, Memsz: size, Flags: uint32(elf.PF_R | elf.PF_X), Align: 4096}
	content, err := binary.Append(nil, binary.LittleEndian, head)
	if err == nil {
		content, err = binary.Append(content, binary.LittleEndian, segment)
	}
	path = filepath.Join(t.TempDir(), "small")
	if err = errors.Join(err, os.WriteFile(path, append(content, code...), 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

// A profile with all that Docker's own has is enforced as it says: by the kernel, in containers with few capabilities and with all.
func TestConfined(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 || goruntime.GOARCH != "amd64" {
		t.Skip("needs root, and the system calls of amd64")
	}
	const mount = 21 // of 32 bits
	small := machineCode(t, mount)
	if exec.Command(small).Run() == nil {
		t.Skip("this kernel runs no programs for 32 bits")
	}
	text, err := os.ReadFile("../../../seccomp/testdata/confined.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, replaced ...string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.NewReplacer(replaced...).Replace(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const otherError = `"defaultErrnoRet": 61`
	write("confined.json", `"defaultErrnoRet": 1`, otherError)
	write("alone.json", `"defaultErrnoRet": 1`, otherError, `["SCMP_ARCH_X86", "SCMP_ARCH_X32"]`, "[]")
	write("young.json", `"defaultErrnoRet": 1`, otherError, `"minKernel": "4.8"`, `"minKernel": "999.8"`)
	all := map[string]string{
		"getppid": "<nil>", "acct": "61", "clone of namespaces": "61", "clone3": "38", "personality(-1)": "0", "personality(8)": "61",
		"socket(unix)": "<nil>", "socket(vsock)": "61", "mount": "61", "chroot": "61", "bpf": "61", "ptrace": "3", "getcpu": "61",
		"of x32": "38", "of 32 bits": "61",
	}
	const few = "linux_info { bounding_capabilities { capabilities: CHOWN capabilities: SETUID capabilities: SETGID } seccomp { profile_name: '%s' } }"
	const every = "linux_info { seccomp { profile_name: '%s' } }"
	for name, test := range map[string]struct {
		profile, info string
		other         map[string]string
	}{
		"few capabilities": {"confined.json", few, nil},
		"all capabilities": {"confined.json", every, map[string]string{
			"clone of namespaces": "<nil>", "clone3": "22", "mount": "14", "chroot": "14", "bpf": "22", "of 32 bits": "14",
		}},
		"no programs for 32 bits": {"alone.json", few, map[string]string{"of 32 bits": "killed by 31"}},
		"an old kernel":           {"young.json", few, map[string]string{"ptrace": "61"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			probed(t, dir, fmt.Sprintf(test.info, test.profile), small, all, test.other)
		})
	}
}

// probed runs the probe in a container, and compares what it prints.
func probed(t *testing.T, profiles, about, small string, all, other map[string]string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := with("linux/capabilities,linux/seccomp")
	c.SeccompDir = profiles
	r := run(t, c, info(t, about), "env", asProbe+"="+small, self)
	if r.launch != nil {
		t.Fatalf("%+v", r)
	}
	for name, want := range all {
		if special, found := other[name]; found {
			want = special
		}
		if !strings.Contains("\n"+r.stdout, "\n"+name+": "+want+"\n") {
			t.Errorf("%s: want %s in\n%s%s", name, want, r.stdout, r.stderr)
		}
	}
}
