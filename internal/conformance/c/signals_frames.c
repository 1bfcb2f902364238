// signals_frames: the frame that a handler finds, where it lies, and what
// rt_sigreturn makes of one that the handler changed.
#include "facts.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/auxv.h>
#include <ucontext.h>

static sigjmp_buf back;
static char other[65536] __attribute__((aligned(64)));
static volatile int depth;

static void on(int n, void *handler, int flags)
{
	struct sigaction a;
	memset(&a, 0, sizeof a);
	a.sa_sigaction = handler;
	a.sa_flags = flags | SA_SIGINFO;
	must(sigaction(n, &a, 0) == 0);
}

static uint32_t get32(const void *p) { uint32_t v; memcpy(&v, p, 4); return v; }
static uint64_t get64(const void *p) { uint64_t v; memcpy(&v, p, 8); return v; }
static void put32(void *p, uint32_t v) { memcpy(p, &v, 4); }
static void put64(void *p, uint64_t v) { memcpy(p, &v, 8); }

// fp is the extended state of a context: the C libraries name it differently.
static unsigned char *fp(ucontext_t *u) { return (void *)u->uc_mcontext.fpregs; }

static void look(int n, siginfo_t *info, void *c)
{
	ucontext_t *u = c;
	unsigned char *f = fp(u), *frame = (unsigned char *)c - 8;
	uint64_t sp = u->uc_mcontext.gregs[REG_RSP], size = get32(f + 464 + 16);
	say("  flags %lx link %d mask %lx", u->uc_flags, u->uc_link != 0, get64((char *)c + 296));
	say("  stack %d flags %x size %zu", u->uc_stack.ss_sp == other, u->uc_stack.ss_flags, u->uc_stack.ss_size);
	IS((char *)info == (char *)c + 304);
	say("  frame %% 16: %lu, state %% 64: %lu", (uint64_t)frame % 16, (uint64_t)f % 64);
	int outside = (char *)frame >= other && (char *)frame < other + sizeof other;
	say("  on the other stack: %d", outside);
	if (!outside)
		say("  below the red zone by %d", sp - 128 - ((uint64_t)f + size + 4) < 64);
	else
		say("  from its top: %d", (uint64_t)(other + sizeof other) - ((uint64_t)f + size + 4) < 64 || depth > 1);
	say("  between frame and state: %lu", (uint64_t)(f - frame) - 440);
	say("  fits AT_MINSIGSTKSZ: %d", (uint64_t)f + size + 4 - (uint64_t)frame + 63 <= getauxval(51));
	say("  magic %x %d %lx %x", get32(f + 464), get32(f + 468) == size + 4, get64(f + 472) & 3, get32(f + size));
	for (int i = 20; i < 48; i += 4)
		if (get32(f + 464 + i))
			say("  software byte %d is %x", i, get32(f + 464 + i));
	say("  header %lx %lx %lx", get64(f + 512) & 3, get64(f + 520), get64(f + 528));
	say("  mxcsr %x control %x", get32(f + 24), get32(f) & 0xffff);
	say("  selectors %llx", u->uc_mcontext.gregs[REG_CSGSFS]);
	say("  signal %d code %d", info->si_signo, info->si_code);
	uint32_t now;
	unsigned short cw;
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(now), "=m"(cw));
	say("  in the handler: mxcsr %x control %x", now, cw);
	(void)n;
}

static void test_layout(void)
{
	say("# layout");
	on(SIGUSR1, look, 0);
	raise(SIGUSR1);
	stack_t s = {.ss_sp = other, .ss_size = sizeof other};
	must(sigaltstack(&s, 0) == 0);
	on(SIGUSR1, look, SA_ONSTACK);
	raise(SIGUSR1);
	say("# state other than the first");
	uint32_t csr = 0x7f80, was = 0x1f80;
	unsigned short cw = 0x27f;
	__asm__ volatile("ldmxcsr %0; fldcw %1" ::"m"(csr), "m"(cw));
	syscall(SYS_tkill, (long)getpid(), (long)SIGUSR1);
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(csr), "=m"(cw));
	say("afterwards: mxcsr %x control %x", csr, cw);
	__asm__ volatile("ldmxcsr %0; fninit" ::"m"(was));
}

// registers are all that a program can compare.
struct registers {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, flags, rsp;
};

struct registers before, after;
uint64_t kept_rsp, goal;

// goes fills the registers, stops at a ud2, and stores what it finds behind.
void goes(void);
__asm__("	.text\n"
	"	.globl goes\n"
	"goes:	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, kept_rsp\n"
	"	mov before+8, %rbx; mov before+16, %rcx; mov before+24, %rdx; mov before+32, %rsi\n"
	"	mov before+40, %rdi; mov before+48, %rbp; mov before+56, %r8; mov before+64, %r9\n"
	"	mov before+72, %r10; mov before+80, %r11; mov before+88, %r12; mov before+96, %r13\n"
	"	mov before+104, %r14; mov before+112, %r15; mov before, %rax\n"
	"	ud2\n"
	"	.globl came\n"
	"came:	mov %rax, after; mov %rbx, after+8; mov %rcx, after+16; mov %rdx, after+24\n"
	"	mov %rsi, after+32; mov %rdi, after+40; mov %rbp, after+48; mov %r8, after+56\n"
	"	mov %r9, after+64; mov %r10, after+72; mov %r11, after+80; mov %r12, after+88\n"
	"	mov %r13, after+96; mov %r14, after+104; mov %r15, after+112; mov %rsp, after+128\n"
	"	mov kept_rsp, %rsp\n"
	"	pushf; pop %rax; mov %rax, after+120; push $0x202; popf\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n");
extern char came[];

static const int order[] = {REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_RBP, REG_R8,
	REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static void change(int n, siginfo_t *info, void *c)
{
	greg_t *g = ((ucontext_t *)c)->uc_mcontext.gregs;
	for (int i = 0; i < (int)LEN(order); i++) {
		if (g[order[i]] != ((uint64_t *)&before)[i])
			say("  register %d arrives as %llx", i, g[order[i]]);
		g[order[i]] = 0x1111111111111111 * (i + 1);
	}
	g[REG_EFL] = goal;
	g[REG_RSP] -= 4096;
	g[REG_RIP] = (greg_t)came;
}

static void test_registers(void)
{
	say("# registers");
	on(SIGILL, change, 0);
	static const uint64_t flags[] = {0x202, 0x203, 0xad7, 0x602, 0x3202, 0x40202, 0x200202, 0x4202, 0, ~0UL & ~0x40100UL, 0x1a0202};
	for (int i = 0; i < 15; i++)
		((uint64_t *)&before)[i] = 0xabcdef0000000000 + i;
	for (int i = 0; i < (int)LEN(flags); i++) {
		goal = flags[i];
		goes();
		for (int k = 0; k < 15; k++)
			if (((uint64_t *)&after)[k] != 0x1111111111111111 * (k + 1))
				say("  register %d comes as %lx", k, ((uint64_t *)&after)[k]);
		say("flags %lx: %lx, stack %ld", goal, after.flags, (long)(kept_rsp - after.rsp));
	}
}

// Refusals: the handler spoils its frame, and SIGSEGV tells.
static void (*spoil)(ucontext_t *);

static void spoiled(int n, siginfo_t *info, void *c)
{
	spoil(c);
}

static void tell(int n, siginfo_t *info, void *c)
{
	ucontext_t *u = c;
	greg_t *g = u->uc_mcontext.gregs;
	uint32_t csr;
	__asm__ volatile("stmxcsr %0" : "=m"(csr));
	say("  signal %d code %d addr %lx selectors %llx trapno %lld err %llx flags %lx", n, info->si_code,
	    (long)info->si_addr, g[REG_CSGSFS], (long long)g[REG_TRAPNO], (long long)g[REG_ERR], u->uc_flags);
	say("  rip kept %d, mxcsr %x, in its frame %x", (uint64_t)g[REG_RIP] == goal, csr, get32(fp(u) + 24));
	siglongjmp(back, 1);
}

static void selectors(ucontext_t *u, uint16_t cs, uint16_t ss)
{
	unsigned char *at = (void *)&u->uc_mcontext.gregs[REG_CSGSFS];
	memcpy(at, &cs, 2);
	memcpy(at + 6, &ss, 2);
	goal = u->uc_mcontext.gregs[REG_RIP];
}

static void kernel_cs(ucontext_t *u) { selectors(u, 0x10, 0x2b); }
static void kernel_ss(ucontext_t *u) { selectors(u, 0x33, 0x18); }
static void null_cs(ucontext_t *u) { selectors(u, 0, 0x2b); }
static void null_ss(ucontext_t *u) { selectors(u, 0x33, 0); }
static void data_cs(ucontext_t *u) { selectors(u, 0x2b, 0x2b); }
static void code_ss(ucontext_t *u) { selectors(u, 0x33, 0x33); }
static void ldt_cs(ucontext_t *u) { selectors(u, 0x0f, 0x2b); }
static void far_cs(ucontext_t *u) { selectors(u, 0xfff8, 0x2b); }
static void rpl0_both(ucontext_t *u) { selectors(u, 0x30, 0x28); }
static void old_ss(ucontext_t *u) { selectors(u, 0x33, 0); u->uc_flags &= ~4; }
static void go_to(ucontext_t *u, uint64_t rip) { u->uc_mcontext.gregs[REG_RIP] = goal = rip; }
static void odd_rip(ucontext_t *u) { go_to(u, 0x800000000000); }
static void odd_rip2(ucontext_t *u) { go_to(u, 0x8000000000000000); }
static void kernel_rip(ucontext_t *u) { go_to(u, 0xffff800000000000); }
static void top_rip(ucontext_t *u) { go_to(u, 0x7ffffffff000); }
static void odd_fp(ucontext_t *u) { u->uc_mcontext.fpregs = (void *)0x1000; }
static void kernel_fp(ucontext_t *u) { u->uc_mcontext.fpregs = (void *)0xffff800000000000; }
static void unaligned_fp(ucontext_t *u) { *(char **)&u->uc_mcontext.fpregs += 8; }
static void no_fp(ucontext_t *u) { u->uc_mcontext.fpregs = 0; }
static void bad_mxcsr(ucontext_t *u) { put32(fp(u) + 24, 0xffff1f80); }
static void bad_mxcsr_old(ucontext_t *u) { put32(fp(u) + 464, 0); bad_mxcsr(u); }
static void bad_feature(ucontext_t *u) { put64(fp(u) + 512, 1UL << 40 | 3); }
static void bad_header(ucontext_t *u) { put64(fp(u) + 528, 1); }
static void late_header(ucontext_t *u) { put64(fp(u) + 536, 1); }
static void wanted_more(ucontext_t *u) { put64(fp(u) + 472, ~0UL); }
static void wanted_none(ucontext_t *u) { put64(fp(u) + 472, 0); put32(fp(u) + 24, 0x3f80); }
static void wanted_sse(ucontext_t *u) { put64(fp(u) + 472, 2); put32(fp(u) + 24, 0x3f80); }
static void used_none(ucontext_t *u) { put64(fp(u) + 512, 0); put32(fp(u) + 24, 0x3f80); }
static void no_magic1(ucontext_t *u) { put32(fp(u) + 464, 0); put32(fp(u) + 24, 0x3f80); }
static void no_magic2(ucontext_t *u) { put32(fp(u) + get32(fp(u) + 480), 0); put32(fp(u) + 24, 0x3f80); }
static void odd_size(ucontext_t *u) { put32(fp(u) + 480, 7); put32(fp(u) + 468, 3); }
static void fair(ucontext_t *u) { put32(fp(u) + 24, 0x3f80); put32(fp(u) + 160, 99); }
static void high_iopl(ucontext_t *u) { u->uc_mcontext.gregs[REG_EFL] |= 0x3000; }
static void virtual_flags(ucontext_t *u) { u->uc_mcontext.gregs[REG_EFL] |= 0x1a0000; }
static void ignored_fields(ucontext_t *u) { u->uc_mcontext.gregs[REG_TRAPNO] = u->uc_mcontext.gregs[REG_CR2] = -1; u->uc_link = (void *)-1L; }
static void trap_flag(ucontext_t *u) { u->uc_mcontext.gregs[REG_EFL] |= 0x100; }
static void bad_stack(ucontext_t *u) { u->uc_stack.ss_size = 1; u->uc_stack.ss_flags = 77; }

static void test_refusals(void)
{
	static const struct { const char *name; void (*spoil)(ucontext_t *); } all[] = {
#define SPOIL(f) {#f, f},
		SPOIL(kernel_cs) SPOIL(kernel_ss) SPOIL(null_cs) SPOIL(null_ss) SPOIL(data_cs) SPOIL(code_ss)
		SPOIL(ldt_cs) SPOIL(far_cs) SPOIL(rpl0_both) SPOIL(old_ss) SPOIL(odd_rip) SPOIL(odd_rip2)
		SPOIL(kernel_rip) SPOIL(top_rip) SPOIL(odd_fp) SPOIL(kernel_fp) SPOIL(unaligned_fp) SPOIL(no_fp)
		SPOIL(bad_mxcsr) SPOIL(bad_mxcsr_old) SPOIL(bad_feature) SPOIL(bad_header) SPOIL(late_header)
		SPOIL(wanted_more) SPOIL(wanted_none) SPOIL(wanted_sse) SPOIL(used_none) SPOIL(no_magic1)
		SPOIL(no_magic2) SPOIL(odd_size) SPOIL(fair) SPOIL(high_iopl) SPOIL(virtual_flags)
		SPOIL(trap_flag) SPOIL(ignored_fields) SPOIL(bad_stack)
	};
	say("# spoiled frames");
	on(SIGSEGV, tell, 0);
	on(SIGTRAP, tell, 0);
	on(SIGUSR1, spoiled, 0);
	for (int i = 0; i < (int)LEN(all); i++) {
		spoil = all[i].spoil;
		say("%s", all[i].name);
		if (sigsetjmp(back, 1))
			continue;
		uint32_t csr = 0x5f80, first = 0x1f80;
		uint64_t flags, xmm[2] = {0x1234567, 0x89}, x87;
		double pi = 3.25, is;
		__asm__ volatile("fninit; fldl %7; ldmxcsr %5; movups %2, %%xmm5; movups %2, %%xmm0\n"
				 "syscall\n"
				 "movups %%xmm5, %2; movups %%xmm0, %3; stmxcsr %5; pushf; pop %0; fstpl %1; fninit; ldmxcsr %6"
				 : "=&r"(flags), "=m"(is), "+m"(xmm), "=m"(x87)
				 : "m"(x87), "m"(csr), "m"(first), "m"(pi), "a"(SYS_tkill), "D"((long)getpid()), "S"((long)SIGUSR1)
				 : "rcx", "r11", "xmm5", "xmm0", "memory");
		say("  goes on: mxcsr %x xmm5 %lx %lx x87 kept %d flags %lx", csr, xmm[0], xmm[1], is == 3.25, flags & 0x3d0500);
	}
	stack_t s;
	sigaltstack(0, &s);
	say("stack %d %x %zu", s.ss_sp == other, s.ss_flags, s.ss_size);
}

// wide uses the upper halves of the YMM registers.
static void wide(int n, siginfo_t *info, void *c)
{
	__asm__ volatile("vpcmpeqd %%ymm3, %%ymm3, %%ymm3; vpcmpeqd %%ymm15, %%ymm15, %%ymm15; fninit; fldpi" ::: "xmm3", "xmm15");
	if (depth++ < 3)
		raise(SIGUSR1);
}

static void test_vectors(void)
{
	say("# vectors");
	unsigned eax = 1, ebx, ecx = 0, edx;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	static unsigned char in[2][32], out[2][32];
	double x = 1.75;
	for (int i = 0; i < 64; i++)
		in[0][i] = 7 * i + 1;
	on(SIGUSR1, wide, SA_NODEFER);
	depth = 0;
	if (ecx & 1 << 28) // AVX
		__asm__ volatile("vmovups %2, %%ymm3; vmovups %3, %%ymm15; fldl %4; syscall; vmovups %%ymm3, %0; vmovups %%ymm15, %1; fstpl %4; vzeroupper"
				 : "=m"(out[0]), "=m"(out[1])
				 : "m"(in[0]), "m"(in[1]), "m"(x), "a"(SYS_tkill), "D"((long)getpid()), "S"((long)SIGUSR1)
				 : "rcx", "r11", "memory", "xmm3", "xmm15");
	else
		memcpy(out, in, sizeof in);
	say("kept %d, x87 %g", memcmp(in, out, sizeof in) == 0, x);
}

static void test_stacks(void)
{
	say("# a frame that cannot be written");
	stack_t s = {.ss_sp = other, .ss_size = sizeof other};
	must(sigaltstack(&s, 0) == 0);
	on(SIGUSR1, look, 0);
	on(SIGSEGV, tell, SA_ONSTACK);
	static const uint64_t bad[] = {8, 0x1000, 0xffff800000000000, 0x800000000000, 100};
	for (int i = 0; i < (int)LEN(bad); i++) {
		say("stack at %lx", bad[i]);
		goal = 0;
		if (sigsetjmp(back, 1) == 0)
			__asm__ volatile("mov %%rsp, %%rbx; mov %0, %%rsp; syscall; mov %%rbx, %%rsp" ::"r"(bad[i]), "a"(SYS_tkill),
					 "D"((long)getpid()), "S"((long)SIGUSR1)
					 : "rbx", "rcx", "r11", "memory");
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "layout") == 0)
		test_layout();
	if (strcmp(what, "registers") == 0)
		test_registers();
	if (strcmp(what, "refusals") == 0)
		test_refusals();
	if (strcmp(what, "vectors") == 0)
		test_vectors();
	if (strcmp(what, "stacks") == 0)
		test_stacks();
	return 0;
}
