#include "textflag.h"

#define sys_getrlimit 97
#define rlimit_nofile 7

// func getrlimit(limit *[2]uint64) (failed uintptr)
TEXT ·getrlimit(SB),NOSPLIT,$0-16
	MOVQ	$rlimit_nofile, DI
	MOVQ	limit+0(FP), SI
	MOVQ	$sys_getrlimit, AX
	SYSCALL
	MOVQ	AX, failed+8(FP)
	RET
