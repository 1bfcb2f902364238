// signals_faults: what a handler is told of each fault: si_code, si_addr, and
// the trap number, error code and CR2 of its frame.
#include "facts.h"
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

static sigjmp_buf back;
static volatile uintptr_t expected;
static volatile int gate = -1;

static const char *place(uintptr_t addr, uintptr_t rip)
{
	if (addr == 0)
		return "0";
	if (addr == rip)
		return "rip";
	if (addr == expected)
		return "target";
	return "elsewhere";
}

static void tell(int n, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	greg_t *g = u->uc_mcontext.gregs;
	uintptr_t addr = (uintptr_t)info->si_addr;
	char err[24];
	snprintf(err, sizeof err, "%llx", (long long)g[REG_ERR]);
	// The gate of an INT n: in units of 8 bytes, on QEMU's processor of 16.
	if (gate >= 0 && (g[REG_ERR] == (gate << 3 | 2) || g[REG_ERR] == (gate << 4 | 2)))
		strcpy(err, "gate");
	say("  signal %d code %d errno %d addr %s trapno %lld err %s cr2 %s", n, info->si_code, info->si_errno,
	    place(addr, g[REG_RIP]), (long long)g[REG_TRAPNO], err,
	    g[REG_TRAPNO] == 14 ? place(g[REG_CR2], g[REG_RIP]) : "-");
	siglongjmp(back, 1);
}

static void on_all(void)
{
	static char other[65536];
	stack_t s = {.ss_sp = other, .ss_size = sizeof other};
	must(sigaltstack(&s, 0) == 0);
	static const int all[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
	for (int i = 0; i < (int)LEN(all); i++) {
		struct sigaction a;
		memset(&a, 0, sizeof a);
		a.sa_sigaction = tell;
		a.sa_flags = SA_SIGINFO | SA_ONSTACK;
		must(sigaction(all[i], &a, 0) == 0);
	}
}

#define CASE(name, target, ...)                                                \
	do {                                                                   \
		say("%s", name);                                               \
		expected = (uintptr_t)(target);                                \
		if (sigsetjmp(back, 1) == 0) {                                 \
			__VA_ARGS__;                                           \
			say("  no signal");                                    \
		}                                                              \
	} while (0)

static void memory_faults(void)
{
	char *p = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(p != MAP_FAILED);
	p[0] = p[PAGE] = p[2 * PAGE] = 1;
	must(mprotect(p + PAGE, PAGE, PROT_READ) == 0);
	must(mprotect(p + 2 * PAGE, PAGE, PROT_NONE) == 0);
	must(munmap(p + 3 * PAGE, PAGE) == 0);
	char *kernel = (char *)0xffff800000000000, *odd = (char *)0x800000000000;
	CASE("null", 8, *(volatile char *)8);
	CASE("write to null", 8, *(volatile char *)8 = 1);
	CASE("write to read-only", p + PAGE + 5, p[PAGE + 5] = 1);
	CASE("read of none", p + 2 * PAGE + 5, *(volatile char *)(p + 2 * PAGE + 5));
	CASE("write to none", p + 2 * PAGE, p[2 * PAGE] = 1);
	CASE("unmapped", p + 3 * PAGE, *(volatile char *)(p + 3 * PAGE));
	CASE("execute data", p, ((void (*)(void))p)());
	CASE("jump to null", 0x10, ((void (*)(void))0x10)());
	CASE("kernel", kernel, *(volatile char *)kernel);
	CASE("write to kernel", kernel, *(volatile char *)kernel = 1);
	CASE("jump to kernel", kernel, ((void (*)(void))kernel)());
	CASE("non-canonical", odd, *(volatile char *)odd);
	CASE("across two pages", p + 2 * PAGE, *(volatile long *)(p + 2 * PAGE - 4));
	put("/tmp/short", "x");
	int fd = open("/tmp/short", O_RDONLY);
	char *m = mmap(0, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	must(m != MAP_FAILED);
	CASE("past the end of a file", m + PAGE, *(volatile char *)(m + PAGE));
}

static void unmask_sse(unsigned bits)
{
	unsigned csr = 0x1f80 & ~(bits << 7);
	__asm__ volatile("ldmxcsr %0" ::"m"(csr));
}

static void unmask_x87(unsigned bits)
{
	unsigned short cw = 0x37f & ~bits;
	__asm__ volatile("fnclex; fldcw %0" ::"m"(cw));
}

static void math_faults(void)
{
	volatile int zero = 0, seven = 7, least = 1 << 31, minus = -1;
	CASE("integer division by zero", 0, minus = seven / zero);
	CASE("integer division overflow", 0, zero = least / minus);
	volatile double nought = 0, one = 1, three = 3, huge = 1e308, tiny = 1e-308, x;
	volatile double denormal = 4.9e-324, negative = -1;
	CASE("sse invalid", 0, unmask_sse(1); x = nought / nought);
	CASE("sse divide", 0, unmask_sse(4); x = one / nought);
	CASE("sse overflow", 0, unmask_sse(8); x = huge * huge);
	CASE("sse underflow", 0, unmask_sse(16); x = tiny * tiny);
	CASE("sse inexact", 0, unmask_sse(32); x = one / three);
	CASE("sse denormal", 0, unmask_sse(2); x = denormal + one);
	CASE("sse masked", 0, unmask_sse(0); x = nought / nought);
	CASE("x87 invalid", 0, unmask_x87(1); __asm__ volatile("fldz; fldz; fdivp; fwait"));
	CASE("x87 divide", 0, unmask_x87(4); __asm__ volatile("fld1; fldz; fdivrp; fwait; fld1; fldz; fdivp; fwait"));
	CASE("x87 inexact", 0, unmask_x87(32); __asm__ volatile("fldpi; fsqrt; fwait"));
	CASE("x87 stack", 0, unmask_x87(1);
	     __asm__ volatile("fninit; fnclex");
	     unmask_x87(1);
	     __asm__ volatile("fstp %st(0); fwait"));
	__asm__ volatile("fninit");
	unmask_sse(0);
}

static void instructions(void)
{
	CASE("ud2", 0, __asm__ volatile("ud2"));
	CASE("int3", 0, __asm__ volatile("int3"));
	CASE("int1", 0, __asm__ volatile(".byte 0xf1"));
	CASE("hlt", 0, __asm__ volatile("hlt"));
	CASE("in", 0, __asm__ volatile("inb $0x80, %%al" ::: "rax"));
	CASE("out to port 0", 0, __asm__ volatile("outb %al, $0"));
	CASE("misaligned", 0, __asm__ volatile("movaps 1(%rsp), %xmm1"));
	CASE("stack beyond", 0, __asm__ volatile("mov %%rsp, %%rbx; mov $0x8000000000000000, %%rax; mov %%rax, %%rsp; push %%rax; mov %%rbx, %%rsp" ::: "rax", "rbx"));
	CASE("selector", 0, __asm__ volatile("mov $0x10, %%eax; mov %%eax, %%ss" ::: "rax"));
	CASE("single step", 0, __asm__ volatile("pushf; orl $0x100, (%rsp); popf; nop; nop"));
	CASE("lock nop", 0, __asm__ volatile(".byte 0xf0, 0x90"));
	CASE("sysret", 0, __asm__ volatile(".byte 0x48, 0x0f, 0x07"));
	CASE("iret to null", 0, __asm__ volatile("push $0; push $0; push $0; push $0; push $0; iretq"));
}

// interrupts has every INT n. Left out are three that paravirtual KVM keeps for
// itself, and 0x80, which signals_int80.c has.
static void interrupts(void)
{
	unsigned char *code = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(code != MAP_FAILED);
	for (int n = 0; n < 256; n++) {
		code[4 * n] = 0xcd;
		code[4 * n + 1] = n;
		code[4 * n + 2] = 0xc3;
	}
	must(mprotect(code, PAGE, PROT_READ | PROT_EXEC) == 0);
	for (int n = 0; n < 256; n++) {
		char name[16];
		if (n == 23 || n == 25 || n == 26 || n == 0x80)
			continue;
		gate = n;
		snprintf(name, sizeof name, "int %d", n);
		CASE(name, 0, ((void (*)(void))(code + 4 * n))());
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	on_all();
	if (strcmp(what, "memory") == 0)
		memory_faults();
	if (strcmp(what, "math") == 0)
		math_faults();
	if (strcmp(what, "instructions") == 0)
		instructions();
	if (strcmp(what, "interrupts") == 0)
		interrupts();
	return 0;
}
