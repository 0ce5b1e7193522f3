#include "go_asm.h"
#include "textflag.h"

#define sys_exit 93
#define sys_rt_sigprocmask 135
#define sys_clone3 435

// func start(l *list) (pid, errno uintptr)
//
// The new process has this stack, too, and must not write to it. A system call leaves all registers but R0.
TEXT ·start(SB),NOSPLIT,$0-24
	MOVD	l+0(FP), R19
	MOVD	$const_setMask, R0
	ADD	$list_all, R19, R1
	ADD	$list_mask, R19, R2
	MOVD	$const_maskSize, R3
	MOVD	$sys_rt_sigprocmask, R8
	SVC
	ADD	$list_clone, R19, R0
	MOVD	$cloneArgs__size, R1
	MOVD	$sys_clone3, R8
	SVC
	CBZ	R0, child
	MOVD	R0, R20
	MOVD	$const_setMask, R0
	ADD	$list_mask, R19, R1
	MOVD	ZR, R2
	MOVD	$const_maskSize, R3
	MOVD	$sys_rt_sigprocmask, R8
	SVC
	CMN	$4095, R20
	BHS	none
	MOVD	R20, pid+8(FP)
	MOVD	ZR, errno+16(FP)
	RET
none:
	NEG	R20, R20
	MOVD	ZR, pid+8(FP)
	MOVD	R20, errno+16(FP)
	RET
child:
	MOVD	list_first(R19), R20
next:
	MOVD	step_number(R20), R8
	MOVD	(step_args+0)(R20), R0
	MOVD	(step_args+8)(R20), R1
	MOVD	(step_args+16)(R20), R2
	MOVD	(step_args+24)(R20), R3
	MOVD	(step_args+32)(R20), R4
	MOVD	(step_args+40)(R20), R5
	SVC
	CMN	$4095, R0
	BHS	failed
	ADD	$step__size, R20, R20
	B	next
failed:
	NEG	R0, R0
	MOVD	R0, list_errno(R19)
	MOVD	R20, list_failed(R19)
end:
	MOVD	$1, R0
	MOVD	$sys_exit, R8
	SVC
	B	end
