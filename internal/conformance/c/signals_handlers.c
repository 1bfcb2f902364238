// signals_handlers: signals that reach a handler of the program and return
// from it.
#include "facts.h"
#include <setjmp.h>
#include <signal.h>
#include <time.h>
#include <ucontext.h>

static volatile int count, last, code, nested, on_stack, mask_inside;
static volatile uintptr_t address;
static char other[65536];
static sigjmp_buf back;

static void note(int n)
{
	count++;
	last = n;
	sigset_t now;
	sigprocmask(SIG_BLOCK, 0, &now);
	mask_inside = sigismember(&now, n) | sigismember(&now, SIGUSR2) << 1;
	char here;
	on_stack = &here >= other && &here < other + sizeof other;
}

static void note_info(int n, siginfo_t *info, void *context)
{
	note(n);
	code = info->si_code;
	address = (uintptr_t)info->si_addr;
	(void)context;
}

static void skip(int n, siginfo_t *info, void *context)
{
	note_info(n, info, context);
	ucontext_t *u = context;
	u->uc_mcontext.gregs[REG_RIP] += 2; // ud2
	u->uc_mcontext.gregs[REG_RBX] = 0x1234;
}

static void nest(int n)
{
	note(n);
	if (n == SIGUSR1)
		raise(SIGUSR2);
	nested = nested * 10 + (n == SIGUSR1 ? 1 : 2);
}

static void leave(int n)
{
	note(n);
	siglongjmp(back, n);
}

static void on(int n, void *handler, int flags)
{
	struct sigaction a;
	memset(&a, 0, sizeof a);
	a.sa_sigaction = handler;
	a.sa_flags = flags;
	sigemptyset(&a.sa_mask);
	if (flags & 0x100) { // our own mark: block SIGUSR2 too
		a.sa_flags &= ~0x100;
		sigaddset(&a.sa_mask, SIGUSR2);
	}
	must(sigaction(n, &a, 0) == 0);
}

static void state(const char *what)
{
	say("%s: count %d last %d code %d mask %d other stack %d", what, count, last, code, mask_inside, on_stack);
	code = 0;
}

static void test_basic(void)
{
	on(SIGUSR1, note, 0);
	TRY(raise(SIGUSR1));
	state("raise");
	TRY(kill(getpid(), SIGUSR1));
	state("kill");
	on(SIGUSR1, note_info, SA_SIGINFO | 0x100);
	TRY(kill(getpid(), SIGUSR1));
	state("kill with siginfo");
	TRY(syscall(SYS_tkill, (long)getpid(), (long)SIGUSR1));
	state("tkill with siginfo");
	on(SIGUSR1, note, SA_NODEFER);
	raise(SIGUSR1);
	state("no defer");
	on(SIGUSR1, note, (int)SA_RESETHAND);
	raise(SIGUSR1);
	struct sigaction a;
	sigaction(SIGUSR1, 0, &a);
	IS(a.sa_handler == SIG_DFL);
	on(SIGUSR1, nest, 0);
	on(SIGUSR2, nest, 0);
	nested = 0;
	raise(SIGUSR1);
	say("nested %d", nested);
	on(SIGUSR1, nest, 0x100);
	nested = 0;
	raise(SIGUSR1);
	say("deferred %d", nested);
}

static void test_blocked(void)
{
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	on(SIGUSR1, note, 0);
	count = 0;
	sigprocmask(SIG_BLOCK, &set, &old);
	raise(SIGUSR1);
	raise(SIGUSR1);
	say("while blocked %d", count);
	sigprocmask(SIG_SETMASK, &old, 0);
	say("after %d", count);
	int rt = SIGRTMIN;
	on(rt, note, 0);
	sigemptyset(&set);
	sigaddset(&set, rt);
	sigprocmask(SIG_BLOCK, &set, &old);
	count = 0;
	raise(rt);
	raise(rt);
	raise(rt);
	sigprocmask(SIG_SETMASK, &old, 0);
	say("real-time signals queue: %d", count);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	raise(SIGUSR1);
	count = 0;
	TRY(sigsuspend(&old));
	say("during sigsuspend %d", count);
	sigprocmask(SIG_SETMASK, &old, 0);
}

static void test_faults(void)
{
	on(SIGSEGV, leave, SA_NODEFER);
	int n = sigsetjmp(back, 1);
	if (n == 0)
		*(volatile int *)8 = 1;
	say("left by %d", n);
	on(SIGFPE, leave, 0);
	n = sigsetjmp(back, 1);
	volatile int zero = 0, seven = 7;
	if (n == 0)
		say("%d", seven / zero);
	say("left by %d", n);
	on(SIGILL, skip, SA_SIGINFO);
	unsigned long rbx = 1;
	__asm__ volatile("ud2" : "+b"(rbx));
	state("ud2 skipped");
	say("rbx %lx", rbx);
	on(SIGSEGV, note_info, SA_SIGINFO | (int)SA_RESETHAND | SA_ONSTACK);
	stack_t s = {.ss_sp = other, .ss_size = sizeof other};
	must(sigaltstack(&s, 0) == 0);
	on(SIGUSR1, note, SA_ONSTACK);
	raise(SIGUSR1);
	state("on the other stack");
	raise(SIGUSR2);
}

static void test_registers(void)
{
	on(SIGUSR1, note, 0);
	double x[8];
	for (int i = 0; i < 8; i++)
		x[i] = i * 1.5;
	unsigned long kept = 0;
	__asm__ volatile("movsd %1, %%xmm9; mov $0x5555, %%r12; syscall; movsd %%xmm9, %1; mov %%r12, %0"
			 : "=r"(kept), "+m"(x[3])
			 : "a"(SYS_kill), "D"((long)getpid()), "S"((long)SIGUSR1)
			 : "r12", "rcx", "r11", "memory", "xmm9");
	say("r12 %lx xmm9 %g", kept, x[3]);
}

static void test_interrupted(void)
{
	// A timer interrupts a sleep and a read.
	struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	(void)e;
	on(SIGALRM, note, 0);
	count = 0;
	alarm(1);
	struct timespec t = {5, 0}, left = {0, 0};
	TRY(nanosleep(&t, &left));
	IS(left.tv_sec >= 3);
	say("alarms %d", count);
}

int main(int argc, char **argv)
{
	(void)argv;
	test_basic();
	test_blocked();
	test_faults();
	test_registers();
	if (argc > 1)
		test_interrupted();
	return 0;
}
