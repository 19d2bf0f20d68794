#include "go_asm.h"
#include "textflag.h"

#define SYS_read 0
#define SYS_write 1
#define SYS_close 3
#define SYS_prctl 157
#define SYS_exit_group 231
#define SYS_clone3 435
#define PR_SET_PDEATHSIG 1
#define SIGKILL 9

// func cloneShared(args *cloneArgs, w *work) (pid, errno uintptr)
//
// The child has the parent's stack pointer and must not touch the stack: it
// keeps all it has in registers. R12 is the work, R13 the next call, BX the
// number of calls left, R14 the registers of the program. The kernel
// overwrites AX, CX and R11 alone.
TEXT ·cloneShared(SB),NOSPLIT|NOFRAME,$0-32
	MOVQ	args+0(FP), DI
	MOVQ	w+8(FP), R12
	MOVQ	$cloneArgs__size, SI
	MOVQ	$SYS_clone3, AX
	SYSCALL
	TESTQ	AX, AX
	JEQ	child
	CMPQ	AX, $0xfffffffffffff001
	JLS	parent
	NEGQ	AX
	MOVQ	$0, pid+16(FP)
	MOVQ	AX, errno+24(FP)
	RET
parent:
	MOVQ	AX, pid+16(FP)
	MOVQ	$0, errno+24(FP)
	RET

child:
	MOVQ	$PR_SET_PDEATHSIG, DI
	MOVQ	$SIGKILL, SI
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	MOVQ	$SYS_prctl, AX
	SYSCALL
	// Else the read below would never end without the parent.
	MOVQ	work_syncW(R12), DI
	MOVQ	$SYS_close, AX
	SYSCALL
	MOVQ	work_syncR(R12), DI
	LEAQ	work_buf(R12), SI
	MOVQ	$1, DX
	MOVQ	$SYS_read, AX
	SYSCALL
	CMPQ	AX, $1
	JNE	exit // the parent gave up
	MOVQ	work_calls(R12), R13
	MOVQ	work_n(R12), BX
	MOVQ	work_regs(R12), R14

next:
	TESTQ	BX, BX
	JEQ	exit
	MOVQ	(call_args+0)(R13), DI
	MOVQ	(call_args+8)(R13), SI
	MOVQ	(call_args+16)(R13), DX
	MOVQ	(call_args+24)(R13), R10
	MOVQ	(call_args+32)(R13), R8
	MOVQ	(call_args+40)(R13), R9
	// The first three can be registers of the program.
	MOVBQZX	(call_regs+0)(R13), CX
	TESTQ	CX, CX
	JEQ	second
	MOVQ	-8(R14)(CX*8), DI
second:
	MOVBQZX	(call_regs+1)(R13), CX
	TESTQ	CX, CX
	JEQ	third
	MOVQ	-8(R14)(CX*8), SI
third:
	MOVBQZX	(call_regs+2)(R13), CX
	TESTQ	CX, CX
	JEQ	perform
	MOVQ	-8(R14)(CX*8), DX
perform:
	MOVQ	call_nr(R13), AX
	SYSCALL
	CMPQ	AX, $0xfffffffffffff001
	JLS	done
	NEGQ	AX
	CMPQ	AX, call_tolerate(R13)
	JNE	failed
done:
	MOVBQZX	call_out(R13), CX
	TESTQ	CX, CX
	JEQ	advance
	MOVQ	AX, -8(R14)(CX*8)
advance:
	ADDQ	$call__size, R13
	DECQ	BX
	JMP	next

failed:
	MOVQ	work_n(R12), CX
	SUBQ	BX, CX
	MOVQ	CX, (work_rep+report_Call)(R12)
	MOVQ	AX, (work_rep+report_Errno)(R12)
	MOVQ	work_errors(R12), DI
	LEAQ	work_rep(R12), SI
	MOVQ	$report__size, DX
	MOVQ	$SYS_write, AX
	SYSCALL
exit:
	MOVQ	$1, DI
	MOVQ	$SYS_exit_group, AX
	SYSCALL
	JMP	exit
