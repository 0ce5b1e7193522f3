#include "go_asm.h"
#include "textflag.h"

#define sys_rt_sigprocmask 14
#define sys_exit 60
#define sys_clone3 435

// func start(l *list) (pid, errno uintptr)
//
// The new process has this stack, too, and must not write to it. A system call leaves all registers but AX, CX and R11.
TEXT ·start(SB),NOSPLIT,$0-24
	MOVQ	l+0(FP), R12
	MOVQ	$const_setMask, DI
	LEAQ	list_all(R12), SI
	LEAQ	list_mask(R12), DX
	MOVQ	$const_maskSize, R10
	MOVQ	$sys_rt_sigprocmask, AX
	SYSCALL
	LEAQ	list_clone(R12), DI
	MOVQ	$cloneArgs__size, SI
	MOVQ	$sys_clone3, AX
	SYSCALL
	TESTQ	AX, AX
	JZ	child
	MOVQ	AX, R13
	MOVQ	$const_setMask, DI
	LEAQ	list_mask(R12), SI
	MOVQ	$0, DX
	MOVQ	$const_maskSize, R10
	MOVQ	$sys_rt_sigprocmask, AX
	SYSCALL
	CMPQ	R13, $0xfffffffffffff001
	JCC	none
	MOVQ	R13, pid+8(FP)
	MOVQ	$0, errno+16(FP)
	RET
none:
	NEGQ	R13
	MOVQ	$0, pid+8(FP)
	MOVQ	R13, errno+16(FP)
	RET
child:
	MOVQ	list_first(R12), R14
next:
	MOVQ	step_number(R14), AX
	MOVQ	(step_args+0)(R14), DI
	MOVQ	(step_args+8)(R14), SI
	MOVQ	(step_args+16)(R14), DX
	MOVQ	(step_args+24)(R14), R10
	MOVQ	(step_args+32)(R14), R8
	MOVQ	(step_args+40)(R14), R9
	SYSCALL
	CMPQ	AX, $0xfffffffffffff001
	JCC	failed
	ADDQ	$step__size, R14
	JMP	next
failed:
	NEGQ	AX
	MOVQ	AX, list_errno(R12)
	MOVQ	R14, list_failed(R12)
end:
	MOVQ	$1, DI
	MOVQ	$sys_exit, AX
	SYSCALL
	JMP	end
