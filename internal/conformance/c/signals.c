// signals: what the process keeps about signals, and what it dies of. Delivery
// to handlers is the subject of signals_handlers.c.
#include "facts.h"
#include <signal.h>
#include <time.h>
#include <ucontext.h>

struct kernel_action {
	uintptr_t handler;
	unsigned long flags;
	uintptr_t restorer;
	uint64_t mask;
};

static long action(int n, struct kernel_action *new, struct kernel_action *old)
{
	return syscall(SYS_rt_sigaction, (long)n, new, old, 8L);
}

static long mask(int how, uint64_t *new, uint64_t *old)
{
	return syscall(SYS_rt_sigprocmask, (long)how, new, old, 8L);
}

static void test_actions(void)
{
	say("# rt_sigaction");
	struct kernel_action a = {0x1234560, SA_RESTART | SA_SIGINFO | 0x04000000, 0x6543210, 0xf0f0}, old;
	TRY(action(SIGUSR1, 0, &old));
	say("%lx %lx %lx", old.handler, old.flags, old.mask);
	TRY(action(SIGUSR1, &a, &old));
	say("%lx %lx %lx", old.handler, old.flags, old.mask);
	TRY(action(SIGUSR1, 0, &old));
	say("%lx %lx %lx %lx", old.handler, old.flags, old.restorer, old.mask);
	a.mask = ~0UL;
	a.handler = 1;
	TRY(action(SIGUSR1, &a, &old));
	TRY(action(SIGUSR1, 0, &old));
	say("%lx %lx", old.handler, old.mask);
	a.handler = 0;
	a.flags = 0xffffffff;
	TRY(action(SIGUSR1, &a, 0));
	TRY(action(SIGUSR1, 0, &old));
	say("%lx %lx", old.handler, old.flags & 0xdbffffff);
	TRY(action(0, 0, &old));
	TRY(action(65, 0, &old));
	TRY(action(64, 0, &old));
	TRY(action(-1, 0, &old));
	TRY(action(SIGKILL, &a, 0));
	TRY(action(SIGSTOP, &a, 0));
	TRY(action(SIGKILL, 0, &old));
	TRY(action(SIGUSR1, (void *)8, 0));
	TRY(action(SIGUSR1, 0, (void *)8));
	TRY(syscall(SYS_rt_sigaction, (long)SIGUSR1, 0L, &old, 4L));
	TRY(syscall(SYS_rt_sigaction, (long)SIGUSR1, 0L, &old, 16L));
}

static void test_masks(void)
{
	say("# rt_sigprocmask");
	uint64_t set = 0, old = 7;
	TRY(mask(SIG_BLOCK, 0, &old));
	say("%lx", old);
	set = 1UL << (SIGUSR1 - 1) | 1UL << (SIGKILL - 1) | 1UL << (SIGSTOP - 1) | 1UL << 63;
	TRY(mask(SIG_BLOCK, &set, &old));
	TRY(mask(SIG_BLOCK, 0, &old));
	say("%lx", old);
	set = 1UL << 63;
	TRY(mask(SIG_UNBLOCK, &set, 0));
	TRY(mask(99, 0, &old));
	say("%lx", old);
	set = ~0UL;
	TRY(mask(SIG_SETMASK, &set, 0));
	TRY(mask(SIG_SETMASK, 0, &old));
	say("%lx", old);
	set = 0;
	TRY(mask(SIG_SETMASK, &set, 0));
	TRY(mask(99, &set, 0));
	TRY(mask(SIG_BLOCK, (void *)8, 0));
	TRY(mask(SIG_BLOCK, &set, (void *)8));
	TRY(syscall(SYS_rt_sigprocmask, 0L, 0L, &old, 4L));
}

static void test_pending(void)
{
	say("# blocked, pending, ignored");
	uint64_t set = 1UL << (SIGTERM - 1) | 1UL << (SIGUSR2 - 1), pending = 9;
	TRY(mask(SIG_BLOCK, &set, 0));
	TRY(kill(getpid(), SIGTERM));
	TRY(raise(SIGUSR2));
	TRY(syscall(SYS_rt_sigpending, &pending, 8L));
	say("%lx", pending);
	TRY(syscall(SYS_rt_sigpending, &pending, 9L));
	// Ignoring throws away what waits.
	signal(SIGTERM, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	TRY(syscall(SYS_rt_sigpending, &pending, 8L));
	say("%lx", pending);
	set = 0;
	TRY(mask(SIG_SETMASK, &set, 0));
	TRY(raise(SIGTERM));
	TRY(kill(getpid(), SIGUSR2));
	TRY(raise(SIGCHLD));
	TRY(raise(SIGURG));
	TRY(raise(SIGWINCH));
	TRY(raise(SIGCONT));
	signal(SIGTERM, SIG_DFL);
	say("# kill, tkill, tgkill");
	int pid = getpid();
	TRY(kill(pid, 0));
	TRY(kill(0, 0) == 0);
	TRY(kill(pid, 65));
	TRY(kill(pid, -1));
	TRY(kill(0x7ffffff0, 0));
	TRY(syscall(SYS_tkill, (long)pid, 0L));
	TRY(syscall(SYS_tkill, 0L, 0L));
	TRY(syscall(SYS_tkill, -1L, 0L));
	TRY(syscall(SYS_tkill, 0x7ffffff0L, 0L));
	TRY(syscall(SYS_tgkill, (long)pid, (long)pid, 0L));
	TRY(syscall(SYS_tgkill, (long)pid, (long)pid, 65L));
	TRY(syscall(SYS_tgkill, (long)pid, 0L, 0L));
	TRY(syscall(SYS_tgkill, -1L, (long)pid, 0L));
	TRY(syscall(SYS_tgkill, (long)pid, 0x7ffffff0L, 0L));
	TRY(syscall(SYS_tgkill, 1000000L, (long)pid, 0L));
}

static void test_stack(void)
{
	say("# sigaltstack");
	static char area[65536];
	stack_t s, old;
	memset(&old, 255, sizeof old);
	TRY(sigaltstack(0, &old));
	say("%d %d %zu", old.ss_sp == 0, old.ss_flags, old.ss_size);
	s = (stack_t){.ss_sp = area, .ss_flags = 0, .ss_size = sizeof area};
	TRY(sigaltstack(&s, 0));
	TRY(sigaltstack(0, &old));
	say("%d %d %zu", old.ss_sp == area, old.ss_flags, old.ss_size);
	s.ss_size = 100;
	TRY(syscall(SYS_sigaltstack, &s, &old));
	s.ss_size = 8192;
	s.ss_flags = 4;
	TRY(syscall(SYS_sigaltstack, &s, 0L));
	s.ss_flags = SS_ONSTACK;
	TRY(syscall(SYS_sigaltstack, &s, 0L));
	s.ss_flags = SS_DISABLE;
	TRY(sigaltstack(&s, &old));
	TRY(sigaltstack(0, &old));
	say("%d %d %zu", old.ss_sp == 0, old.ss_flags, old.ss_size);
	TRY(syscall(SYS_sigaltstack, 8L, 0L));
	TRY(syscall(SYS_sigaltstack, 0L, 8L));
	s = (stack_t){.ss_sp = area, .ss_flags = (int)0x80000000, .ss_size = sizeof area};
	TRY(syscall(SYS_sigaltstack, &s, 0L));
	TRY(syscall(SYS_sigaltstack, 0L, &old));
	say("%x", (unsigned)old.ss_flags);
}

static void unblock(int n)
{
	uint64_t set = 1UL << (n - 1);
	must(mask(SIG_BLOCK, &set, 0) == 0);
	must(raise(n) == 0);
	say("%d waits", n);
	must(mask(SIG_UNBLOCK, &set, 0) == 0);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "state";
	int n = argc > 2 ? atoi(argv[2]) : 0;
	if (strcmp(how, "state") == 0) {
		test_actions();
		test_masks();
		test_pending();
		test_stack();
		return 0;
	}
	say("%s %d", how, n);
	if (strcmp(how, "abort") == 0)
		abort();
	if (strcmp(how, "abort-ignored") == 0) {
		signal(SIGABRT, SIG_IGN);
		abort();
	}
	if (strcmp(how, "raise") == 0)
		raise(n);
	if (strcmp(how, "kill") == 0)
		kill(getpid(), n);
	if (strcmp(how, "group") == 0)
		kill(-getpid(), n);
	if (strcmp(how, "tkill") == 0)
		syscall(SYS_tkill, (long)getpid(), (long)n);
	if (strcmp(how, "tgkill") == 0)
		syscall(SYS_tgkill, (long)getpid(), (long)getpid(), (long)n);
	if (strcmp(how, "unblock") == 0)
		unblock(n);
	if (strcmp(how, "segv-ignored") == 0) {
		// A fault that is blocked or ignored kills all the same.
		signal(SIGSEGV, SIG_IGN);
		*(volatile int *)8 = 1;
	}
	if (strcmp(how, "segv-blocked") == 0) {
		uint64_t set = ~0UL;
		must(mask(SIG_BLOCK, &set, 0) == 0);
		*(volatile int *)8 = 1;
	}
	if (strcmp(how, "pipe") == 0) {
		int p[2];
		must(pipe(p) == 0);
		close(p[0]);
		write(p[1], "x", 1);
	}
	say("still alive");
	return 0;
}
