// catch.h: a touch that may fault, and where and why it did.
//
//	int sig = sigsetjmp(back, 0);
//	if (sig)        // the touch below faulted: fault_code, fault_at
//		...
//	*at = 1;
#ifndef CATCH_H
#define CATCH_H

#include "facts.h"
#include <setjmp.h>
#include <signal.h>

static sigjmp_buf back;
static volatile int fault_code;     // si_code
static void *volatile fault_at;     // si_addr

enum kind { READ, WRITE, EXECUTE }; // of a touch

static void on_fault(int sig, siginfo_t *info, void *context)
{
	fault_code = info->si_code;
	fault_at = info->si_addr;
	siglongjmp(back, sig);
}

static inline void catch_faults(void)
{
	struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	must(sigaction(SIGSEGV, &act, 0) == 0 && sigaction(SIGBUS, &act, 0) == 0);
}

#endif
