package seccomp

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	pb "meseta/messages/pb/seccomppb"
	"meseta/slave/containerizer/forker"
)

// arguments is the number of arguments of a system call.
const arguments = 6

// architecture is one whose programs run on a machine.
type architecture struct {
	audit uint32 // the kernel's number of it
	table string // its system calls: a number, and the names from that number on
}

var architectures = map[pb.ContainerSeccompProfile_Architecture]architecture{
	pb.ContainerSeccompProfile_ARCH_X86:     {unix.AUDIT_ARCH_I386, table386},
	pb.ContainerSeccompProfile_ARCH_X86_64:  {unix.AUDIT_ARCH_X86_64, tableAMD64},
	pb.ContainerSeccompProfile_ARCH_ARM:     {unix.AUDIT_ARCH_ARM, tableARM},
	pb.ContainerSeccompProfile_ARCH_AARCH64: {unix.AUDIT_ARCH_AARCH64, tableARM64},
}

// numbers returns the numbers of the system calls of an architecture.
func (a architecture) numbers() map[string]uint32 {
	all := map[string]uint32{}
	next := uint32(0)
	for word := range strings.FieldsSeq(a.table) {
		if n, err := strconv.ParseUint(word, 10, 32); err == nil {
			next = uint32(n)
			continue
		}
		all[word] = next
		next++
	}
	return all
}

// Where the kernel has what a program looks at. Numbers of 64 bits have the lower half first, as on all machines here.
const (
	offsetNumber       = 0
	offsetArchitecture = 4
	offsetArguments    = 16
)

const (
	x32Bit         = 0x40000000 // in the number of a system call of a 64-bit machine with 32-bit pointers
	longestProgram = 4096       // instructions
	returnErrno    = unix.SECCOMP_RET_ERRNO
)

// actions has what the kernel does.
//
// Mesos: resolveAction.
var actions = map[pb.ContainerSeccompProfile_Syscall_Action]uint32{
	pb.ContainerSeccompProfile_Syscall_ACT_KILL:  unix.SECCOMP_RET_KILL_THREAD,
	pb.ContainerSeccompProfile_Syscall_ACT_TRAP:  unix.SECCOMP_RET_TRAP,
	pb.ContainerSeccompProfile_Syscall_ACT_ERRNO: returnErrno | uint32(unix.EPERM),
	pb.ContainerSeccompProfile_Syscall_ACT_TRACE: unix.SECCOMP_RET_TRACE | uint32(unix.EPERM),
	pb.ContainerSeccompProfile_Syscall_ACT_ALLOW: unix.SECCOMP_RET_ALLOW,
}

// kernelAction returns what the kernel does, with the error, or the message for a tracer, that a profile names; nil means EPERM.
func kernelAction(a pb.ContainerSeccompProfile_Syscall_Action, number *uint16) uint32 {
	action := actions[a]
	if kind := action &^ unix.SECCOMP_RET_DATA; number != nil && (kind == returnErrno || kind == unix.SECCOMP_RET_TRACE) {
		return kind | uint32(*number)
	}
	return action
}

// counting is a rule that counts for a container, and what the kernel does if all its comparisons are true.
type counting struct {
	*pb.ContainerSeccompProfile_Syscall
	action uint32
}

// verdict is what happens to one system call: the first rule that its arguments match counts, then fallback.
type verdict struct {
	rules    []counting
	fallback uint32
}

// Compile returns the program for containers with that bounding set of capabilities, one bit for each. System calls of
// architectures that the profile does not have end the program that makes them.
//
// Mesos: SeccompFilter::create.
//
// Differs: system calls that nobody knows here may be allowed, so that a profile can be newer than the agent; only those to be
// denied have to be known. Where clone3 is denied with an error, that is ENOSYS, because C libraries then use clone. Programs for
// x32 cannot make system calls.
func Compile(p *Profile, bounding uint64) ([]unix.SockFilter, error) {
	rules, err := p.rules(bounding)
	if err != nil {
		return nil, err
	}
	program := []unix.SockFilter{load(offsetArchitecture)}
	done := map[pb.ContainerSeccompProfile_Architecture]bool{}
	for _, name := range p.Message.GetArchitectures() {
		arch, known := architectures[name]
		if !known || done[name] {
			continue
		}
		done[name] = true
		body := compileCalls(verdicts(rules, arch.numbers(), p.fallback), p.fallback)
		program = append(program, jump(unix.BPF_JEQ, arch.audit, 1, 0), skip(len(body)))
		program = append(program, body...)
	}
	if len(done) == 0 {
		return nil, errors.New("the Seccomp profile has no 'archMap' item for this machine, so that no program could run")
	}
	program = append(program, answer(unix.SECCOMP_RET_KILL_THREAD))
	if len(program) > longestProgram {
		return nil, fmt.Errorf("the Seccomp profile takes %d instructions; the kernel has room for %d", len(program), longestProgram)
	}
	return program, nil
}

// names returns the names of all system calls of all architectures. Nobody changes it.
var names = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for _, arch := range architectures {
		for name := range arch.numbers() {
			all[name] = true
		}
	}
	return all
})

// rules returns the rules that count for a bounding set. It fails if one denies what does not exist.
func (p *Profile) rules(bounding uint64) (all []counting, err error) {
	known := names()
	for i, s := range p.Message.GetSyscalls() {
		for _, name := range s.GetNames() {
			if !known[name] && s.GetAction() != pb.ContainerSeccompProfile_Syscall_ACT_ALLOW {
				return nil, fmt.Errorf("Unrecognized syscall '%s'", name)
			}
		}
		included, excluded := forker.Bits(s.GetIncludes().GetCapabilities()), forker.Bits(s.GetExcludes().GetCapabilities())
		if included&^bounding == 0 && excluded&bounding == 0 {
			all = append(all, counting{s, p.actions[i]})
		}
	}
	return all, nil
}

// verdicts returns what happens to the system calls of an architecture that are in rules.
func verdicts(rules []counting, numbers map[string]uint32, fallback uint32) map[uint32]verdict {
	all := map[uint32]verdict{}
	final := map[uint32]bool{}
	for _, s := range rules {
		for _, name := range s.GetNames() {
			n, found := numbers[name]
			if !found {
				continue
			}
			v, more := all[n]
			if !more {
				v.fallback = errno(name, fallback)
			}
			switch {
			case len(s.GetArgs()) > 0:
				v.rules = append(v.rules, s)
			case !final[n]:
				final[n], v.fallback = true, errno(name, s.action)
			}
			all[n] = v
		}
	}
	if n, found := numbers[clone3]; found {
		if _, ruled := all[n]; !ruled {
			all[n] = verdict{fallback: errno(clone3, fallback)}
		}
	}
	return all
}

const clone3 = "clone3"

// errno returns the action for a system call: another error for clone3.
func errno(name string, action uint32) uint32 {
	if name == clone3 && action == returnErrno|uint32(unix.EPERM) {
		return returnErrno | uint32(unix.ENOSYS)
	}
	return action
}

// compileCalls decides by the number of the system call. Runs of numbers with one action are compared together.
func compileCalls(all map[uint32]verdict, fallback uint32) []unix.SockFilter {
	body := []unix.SockFilter{load(offsetNumber), jump(unix.BPF_JGE, x32Bit, 0, 1), answer(returnErrno | uint32(unix.ENOSYS))}
	numbers := slices.Sorted(maps.Keys(all))
	for i := 0; i < len(numbers); {
		first, v := numbers[i], all[numbers[i]]
		last := first
		for i++; i < len(numbers) && numbers[i] == last+1 && plain(v, all[numbers[i]]); i++ {
			last++
		}
		var inside []unix.SockFilter
		for _, s := range v.rules {
			inside = append(inside, compileRule(s)...)
		}
		inside = append(inside, answer(v.fallback))
		body = append(body, jump(unix.BPF_JGT, last, 0, 1), skip(len(inside)+2), jump(unix.BPF_JGE, first, 1, 0), answer(fallback))
		body = append(body, inside...)
	}
	return append(body, answer(fallback))
}

// plain reports whether two system calls have one action, whatever their arguments are.
func plain(a, b verdict) bool { return len(a.rules)+len(b.rules) == 0 && a.fallback == b.fallback }

// otherwise stands for the jump to what comes after a rule.
const otherwise = 255

// compileRule returns the action of a rule if all its comparisons are true, and goes on otherwise.
func compileRule(s counting) []unix.SockFilter {
	var rule []unix.SockFilter
	for _, a := range s.GetArgs() {
		rule = append(rule, compare(a)...)
	}
	rule = append(rule, answer(s.action))
	for i := range rule {
		rest := uint8(len(rule) - 1 - i)
		if rule[i].Jt == otherwise {
			rule[i].Jt = rest
		}
		if rule[i].Jf == otherwise {
			rule[i].Jf = rest
		}
	}
	return rule
}

// compare goes on if a comparison is true.
func compare(a *pb.ContainerSeccompProfile_Syscall_Arg) []unix.SockFilter {
	low, high := load(offsetArguments+8*a.GetIndex()), load(offsetArguments+8*a.GetIndex()+4)
	lower, upper := uint32(a.GetValue()), uint32(a.GetValue()>>32)
	greater := func(op uint16) []unix.SockFilter {
		return []unix.SockFilter{high, jump(unix.BPF_JGT, upper, 3, 0), jump(unix.BPF_JEQ, upper, 0, otherwise), low, jump(op, lower, 0, otherwise)}
	}
	less := func(not uint16) []unix.SockFilter {
		return []unix.SockFilter{high, jump(unix.BPF_JGT, upper, otherwise, 0), jump(unix.BPF_JEQ, upper, 0, 2), low, jump(not, lower, otherwise, 0)}
	}
	switch a.GetOp() {
	case pb.ContainerSeccompProfile_Syscall_Arg_CMP_NE:
		return []unix.SockFilter{high, jump(unix.BPF_JEQ, upper, 0, 2), low, jump(unix.BPF_JEQ, lower, otherwise, 0)}
	case pb.ContainerSeccompProfile_Syscall_Arg_CMP_GT:
		return greater(unix.BPF_JGT)
	case pb.ContainerSeccompProfile_Syscall_Arg_CMP_GE:
		return greater(unix.BPF_JGE)
	case pb.ContainerSeccompProfile_Syscall_Arg_CMP_LT:
		return less(unix.BPF_JGE)
	case pb.ContainerSeccompProfile_Syscall_Arg_CMP_LE:
		return less(unix.BPF_JGT)
	case pb.ContainerSeccompProfile_Syscall_Arg_CMP_MASKED_EQ: // value is the mask
		two := a.GetValueTwo()
		return []unix.SockFilter{
			high, mask(upper), jump(unix.BPF_JEQ, uint32(two>>32), 0, otherwise), low, mask(lower), jump(unix.BPF_JEQ, uint32(two), 0, otherwise),
		}
	}
	return []unix.SockFilter{high, jump(unix.BPF_JEQ, upper, 0, otherwise), low, jump(unix.BPF_JEQ, lower, 0, otherwise)}
}

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func mask(k uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: k}
}

// jump skips so many instructions if the comparison is true, and so many if it is false.
func jump(op uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, K: k, Jt: yes, Jf: no}
}

func skip(n int) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(n)}
}

func answer(action uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
}
