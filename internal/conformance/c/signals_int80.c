// signals_int80: Linux's system call of 32-bit programs, from a 64-bit one.
#include "facts.h"
#include <signal.h>

static void tell(int n, siginfo_t *info, void *c)
{
	say("int 0x80: signal %d code %d", n, info->si_code);
	_exit(0);
}

int main(void)
{
	struct sigaction a;
	memset(&a, 0, sizeof a);
	a.sa_sigaction = tell;
	a.sa_flags = SA_SIGINFO;
	must(sigaction(SIGSEGV, &a, 0) == 0);
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "r8", "r9", "r10", "r11", "memory"); // getpid
	say("int 0x80: %s", result == getpid() ? "getpid" : "something else");
	return 0;
}
