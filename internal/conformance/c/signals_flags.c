// signals_flags: in which order signals come, what sa_flags and masks change,
// and what is queued with them.
#include "facts.h"
#include <setjmp.h>
#include <signal.h>
#include <time.h>

static int trail[64], trail_length;
static sigjmp_buf back;
static char other[32768];
static volatile int depth;

static void mark(int n)
{
	if (trail_length < (int)LEN(trail))
		trail[trail_length++] = n;
}

static void tell(const char *what)
{
	char line[400] = "";
	int at = 0;
	for (int i = 0; i < trail_length; i++)
		at += snprintf(line + at, sizeof line - at, " %d", trail[i]);
	say("%s:%s", what, line);
	trail_length = 0;
}

static void on(int n, void *handler, int flags, int also)
{
	struct sigaction a;
	memset(&a, 0, sizeof a);
	a.sa_sigaction = handler;
	a.sa_flags = flags;
	sigemptyset(&a.sa_mask);
	if (also)
		sigaddset(&a.sa_mask, also);
	must(sigaction(n, &a, 0) == 0);
}

static void block(int how, int a, int b, int c)
{
	sigset_t s;
	sigemptyset(&s);
	if (a)
		sigaddset(&s, a);
	if (b)
		sigaddset(&s, b);
	if (c)
		sigaddset(&s, c);
	must(sigprocmask(how, &s, 0) == 0);
}

static void in_and_out(int n)
{
	mark(n);
	mark(-n);
}

static void test_order(void)
{
	int rt = SIGRTMIN;
	say("# order");
	on(SIGUSR1, in_and_out, 0, 0);
	on(SIGUSR2, in_and_out, 0, 0);
	on(SIGSEGV, in_and_out, 0, 0);
	on(rt, in_and_out, 0, 0);
	on(rt + 1, in_and_out, 0, 0);
	block(SIG_SETMASK, SIGUSR1, SIGUSR2, rt);
	raise(SIGUSR2);
	raise(rt);
	raise(SIGUSR1);
	raise(rt);
	raise(SIGUSR1);
	block(SIG_SETMASK, 0, 0, 0);
	tell("the last frame runs first");
	block(SIG_SETMASK, SIGUSR1, SIGSEGV, rt);
	raise(SIGUSR1);
	kill(getpid(), SIGSEGV);
	raise(rt);
	block(SIG_SETMASK, 0, 0, 0);
	tell("SIGSEGV's frame is made first");
	block(SIG_SETMASK, SIGUSR1, SIGUSR2, 0);
	kill(getpid(), SIGUSR1);
	raise(SIGUSR2);
	block(SIG_SETMASK, 0, 0, 0);
	tell("the thread's own before the process's");
	on(SIGUSR2, in_and_out, 0, SIGUSR1);
	on(SIGUSR1, in_and_out, 0, SIGUSR2);
	block(SIG_SETMASK, SIGUSR1, SIGUSR2, 0);
	raise(SIGUSR2);
	raise(SIGUSR1);
	block(SIG_SETMASK, 0, 0, 0);
	tell("with masks that exclude each other");
}

static void again(int n)
{
	mark(n);
	if (depth++ < 3)
		raise(n);
	mark(-n);
}

static void test_nesting(void)
{
	say("# nesting");
	depth = 0;
	on(SIGUSR1, again, 0, 0);
	raise(SIGUSR1);
	tell("deferred");
	depth = 0;
	on(SIGUSR1, again, SA_NODEFER, 0);
	raise(SIGUSR1);
	tell("not deferred");
	depth = 0;
	on(SIGUSR1, again, SA_NODEFER, SIGUSR1);
	raise(SIGUSR1);
	tell("not deferred, but in the mask");
	depth = 2;
	on(SIGUSR1, again, SA_RESETHAND, 0);
	on(SIGUSR2, SIG_IGN, 0, 0);
	raise(SIGUSR2);
	struct sigaction a;
	sigaction(SIGUSR1, 0, &a);
	say("flags %x", a.sa_flags & ~0x4000000);
	block(SIG_BLOCK, SIGUSR1, 0, 0);
	raise(SIGUSR1);
	sigset_t set;
	sigpending(&set);
	say("pending %d", sigismember(&set, SIGUSR1));
	on(SIGUSR1, SIG_IGN, 0, 0);
	sigpending(&set);
	say("pending %d", sigismember(&set, SIGUSR1));
	on(SIGUSR1, again, 0, 0);
	block(SIG_UNBLOCK, SIGUSR1, 0, 0);
	tell("what was ignored is gone");
}

static void leave(int n)
{
	mark(n);
	siglongjmp(back, n);
}

static void test_jumps(void)
{
	say("# jumps");
	sigset_t now;
	on(SIGUSR1, leave, 0, SIGUSR2);
	for (volatile int i = 0; i < 3; i++) {
		int n = sigsetjmp(back, 1);
		if (n == 0)
			raise(SIGUSR1);
		sigprocmask(SIG_BLOCK, 0, &now);
		say("%d %d %d", n, sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2));
	}
	int n = sigsetjmp(back, 0);
	if (n == 0)
		raise(SIGUSR1);
	sigprocmask(SIG_BLOCK, 0, &now);
	say("%d %d %d", n, sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2));
	block(SIG_SETMASK, 0, 0, 0);
	tell("marks");
	on(SIGSEGV, leave, SA_ONSTACK, 0);
	stack_t s = {.ss_sp = other, .ss_size = sizeof other};
	must(sigaltstack(&s, 0) == 0);
	for (volatile int i = 0; i < 3; i++)
		if (sigsetjmp(back, 1) == 0)
			*(volatile int *)8 = 1;
	tell("faults");
}

static void stack_state(int n)
{
	stack_t s;
	char here;
	sigaltstack(0, &s);
	say("  on it %d: sp %d flags %x size %zu", &here >= other && &here < other + sizeof other, s.ss_sp == other, s.ss_flags, s.ss_size);
	s.ss_flags = SS_DISABLE;
	TRY(sigaltstack(&s, 0));
	if (depth++ < 1)
		raise(SIGUSR1);
}

static void test_stacks(void)
{
	static const unsigned flags[] = {0, 0x80000000, 0x80000001};
	stack_t s;
	say("# alternate stack");
	for (int i = 0; i < (int)LEN(flags); i++) {
		s = (stack_t){.ss_sp = other, .ss_size = sizeof other, .ss_flags = flags[i]};
		TRY(sigaltstack(&s, 0));
		on(SIGUSR1, stack_state, SA_ONSTACK | SA_NODEFER, 0);
		depth = 0;
		raise(SIGUSR1);
		sigaltstack(0, &s);
		say("afterwards: sp %d flags %x size %zu", s.ss_sp == other, s.ss_flags, s.ss_size);
	}
	say("without SA_ONSTACK");
	depth = 1;
	on(SIGUSR1, stack_state, 0, 0);
	raise(SIGUSR1);
}

static siginfo_t told;

static void keep(int n, siginfo_t *info, void *c)
{
	told = *info;
	mark(n);
}

static void test_queue(void)
{
	int rt = SIGRTMIN + 2, pid = getpid();
	say("# queue");
	on(rt, keep, SA_SIGINFO, 0);
	on(SIGUSR1, keep, SA_SIGINFO, 0);
	union sigval v = {.sival_ptr = (void *)0x1122334455667788};
	TRY(sigqueue(pid, rt, v));
	say("code %d value %lx own pid %d errno %d", told.si_code, (long)told.si_value.sival_ptr, told.si_pid == pid, told.si_errno);
	unsigned char raw[128];
	static const int codes[] = {-1, -2, -6, -7, -8, -60, 0, 1, 128, 5, 6, 7, -1000};
	for (int i = 0; i < (int)LEN(codes); i++) {
		for (int k = 0; k < 128; k++)
			raw[k] = k < 48 ? k : 0;
		memcpy(raw + 8, &codes[i], 4);
		say("code %d", codes[i]);
		TRY(syscall(SYS_rt_sigqueueinfo, (long)pid, (long)rt, raw));
		memset(raw + 48, 1, 80);
		memset(&told, 0, sizeof told);
		if (TRY(syscall(SYS_rt_sigqueueinfo, (long)pid, (long)SIGUSR1, raw)) == 0)
			say("  signal %d errno %x code %d sum %lx", told.si_signo, told.si_errno, told.si_code, sum((char *)&told + 16, sizeof told - 16));
		TRY(syscall(SYS_rt_sigqueueinfo, 0x7ffffff0L, (long)rt, raw));
		TRY(syscall(SYS_rt_tgsigqueueinfo, (long)pid, (long)pid, (long)SIGUSR1, raw));
	}
	tell("marks");
	memset(raw, 0, sizeof raw);
	TRY(syscall(SYS_rt_sigqueueinfo, (long)pid, 0L, raw));
	TRY(syscall(SYS_rt_sigqueueinfo, (long)pid, 65L, raw));
	TRY(syscall(SYS_rt_sigqueueinfo, (long)pid, -1L, raw));
	TRY(syscall(SYS_rt_sigqueueinfo, (long)pid, 65L, 8L));
	TRY(syscall(SYS_rt_tgsigqueueinfo, 0L, (long)pid, (long)rt, raw));
	TRY(syscall(SYS_rt_tgsigqueueinfo, (long)pid, -1L, (long)rt, raw));
	TRY(syscall(SYS_rt_tgsigqueueinfo, (long)pid, 0x7ffffff0L, (long)rt, raw));
	TRY(syscall(SYS_rt_tgsigqueueinfo, 0x7ffffff0L, (long)pid, (long)rt, raw));
	trail_length = 0;
	say("# waiting for what is queued");
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, rt);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, 0);
	for (int i = 0; i < 3; i++) {
		v.sival_int = i;
		sigqueue(pid, rt, v);
	}
	v.sival_int = 77;
	sigqueue(pid, SIGUSR1, v);
	sigqueue(pid, SIGUSR1, v);
	struct timespec zero = {0, 0};
	siginfo_t info;
	for (int i = 0; i < 5; i++) {
		int n = sigtimedwait(&set, &info, &zero);
		say("%d: %d code %d", n == rt ? 1 : n, n > 0 ? info.si_value.sival_int : errno, n > 0 ? info.si_code : 0);
	}
	raise(SIGUSR1);
	TRY(syscall(SYS_rt_sigtimedwait, &set, 8L, &zero, 8L));
	TRY(sigtimedwait(&set, &info, &zero));
	raise(SIGUSR1);
	TRY(sigtimedwait(&set, 0, &zero));
	sigprocmask(SIG_UNBLOCK, &set, 0);
	tell("none reached the handler");
}

// test_raw has actions that the C library does not make.
static void test_raw(void)
{
	struct { uintptr_t handler; unsigned long flags; uintptr_t restorer; uint64_t mask; } a = {(uintptr_t)mark, 0, 0, 0};
	stack_t s = {.ss_sp = other, .ss_size = sizeof other};
	must(sigaltstack(&s, 0) == 0);
	say("# without SA_RESTORER");
	on(SIGSEGV, leave, SA_ONSTACK, 0);
	must(syscall(SYS_rt_sigaction, (long)SIGUSR1, &a, 0L, 8L) == 0);
	if (sigsetjmp(back, 1) == 0)
		raise(SIGUSR1);
	tell("SIGSEGV instead");
	a.flags = 0x04000000;
	a.handler = 0x10;
	must(syscall(SYS_rt_sigaction, (long)SIGUSR1, &a, 0L, 8L) == 0);
	if (sigsetjmp(back, 1) == 0)
		raise(SIGUSR1);
	tell("a handler that is not there");
	a.handler = (uintptr_t)mark;
	must(syscall(SYS_rt_sigaction, (long)SIGUSR1, &a, 0L, 8L) == 0);
	if (sigsetjmp(back, 1) == 0)
		raise(SIGUSR1);
	tell("a return that is not there");
	if (sigsetjmp(back, 1) == 0)
		__asm__ volatile("mov %%rsp, %%rbx; mov $0x2000, %%rsp; syscall; mov %%rbx, %%rsp" ::"a"(15L) : "rbx", "rcx", "r11", "memory");
	tell("sigreturn without a frame");
}

int main(void)
{
	test_order();
	test_nesting();
	test_jumps();
	test_stacks();
	test_queue();
	test_raw();
	on(SIGSEGV, SIG_DFL, 0, 0);
	block(SIG_SETMASK, SIGSEGV, 0, 0);
	say("the end");
	*(volatile int *)8 = 1;
	return 0;
}
