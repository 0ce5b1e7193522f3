#include "textflag.h"

#define sys_getrlimit 163
#define rlimit_nofile 7

// func getrlimit(limit *[2]uint64) (failed uintptr)
TEXT ·getrlimit(SB),NOSPLIT,$0-16
	MOVD	$rlimit_nofile, R0
	MOVD	limit+0(FP), R1
	MOVD	$sys_getrlimit, R8
	SVC
	MOVD	R0, failed+8(FP)
	RET
