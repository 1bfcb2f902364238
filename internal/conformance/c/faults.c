// faults: what a program dies of. The argument chooses; the last line printed
// says that the program was alive until then.
#include "facts.h"
#include <fenv.h>
#include <sys/resource.h>
#include <xmmintrin.h>

typedef void work(void);

static const char constant[] = "constant";
static char data[16] = {(char)0xc3};

static char *page(int prot)
{
	char *p = mmap(0, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(p != MAP_FAILED);
	return p;
}

// hide keeps the compiler from seeing where a pointer leads.
static void *hide(const void *p)
{
	__asm__ volatile("" : "+r"(p));
	return (void *)p;
}

static void null_read(void) { say("%d", *(volatile char *)hide(0)); }
static void null_write(void) { *(volatile char *)hide(0) = 1; }
static void null_call(void) { ((work *)hide(0))(); }
static void null_page(void) { say("%d", *(volatile char *)hide((void *)4000)); }
static void kernel_read(void) { say("%d", *(volatile char *)hide((void *)0xffffffff80000000)); }
static void last_page(void) { say("%d", *(volatile char *)hide((void *)0x7ffffffff000)); }
static void noncanonical_read(void) { say("%d", *(volatile char *)hide((void *)0x1234567812345678)); }
static void noncanonical_jump(void) { ((work *)hide((void *)0x1234567812345678))(); }
static void noncanonical_stack(void) { __asm__ volatile("mov %0, %%rsp; push %%rax" ::"r"(0x1234567812345678)); }
static void text_write(void) { *(volatile char *)hide((void *)(uintptr_t)text_write) = 1; }
static void rodata_write(void) { *(volatile char *)hide(constant) = 1; }
static void data_exec(void) { ((work *)hide(data))(); }
static void stack_exec(void)
{
	char code[16] = {(char)0xc3};
	((work *)hide(code))();
}
static void heap_exec(void)
{
	char *p = malloc(16);
	p[0] = (char)0xc3;
	((work *)hide(p))();
}
static void readonly_write(void) { *(volatile char *)page(PROT_READ) = 1; }
static void none_read(void) { say("%d", *(volatile char *)page(PROT_NONE)); }
static void unmapped_read(void)
{
	char *p = page(PROT_READ | PROT_WRITE);
	*p = 1;
	munmap(p, PAGE);
	say("%d", *(volatile char *)p);
}
static void took_write_away(void)
{
	char *p = page(PROT_READ | PROT_WRITE);
	*(volatile char *)p = 1;
	mprotect(p, PAGE, PROT_READ);
	*(volatile char *)p = 1;
}
static void took_read_away(void)
{
	char *p = page(PROT_READ | PROT_WRITE);
	*(volatile char *)p = 1;
	mprotect(p, PAGE, PROT_NONE);
	say("%d", *(volatile char *)p);
}
static void took_exec_away(void)
{
	char *p = page(PROT_READ | PROT_WRITE);
	*p = (char)0xc3;
	mprotect(p, PAGE, PROT_READ | PROT_EXEC);
	((work *)hide(p))();
	say("the code ran");
	mprotect(p, PAGE, PROT_READ);
	((work *)hide(p))();
}
static void past_end_of_file(void)
{
	int fd = open("/tmp/short", O_RDWR | O_CREAT, 0600);
	must(write(fd, "short", 5) == 5);
	char *p = mmap(0, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	must(p != MAP_FAILED);
	say("%c %d", p[4], *(volatile char *)(p + 5));
	say("%d", *(volatile char *)(p + PAGE));
}
static void brk_end(void)
{
	char *end = (char *)syscall(SYS_brk, 0);
	end = (char *)(((uintptr_t)end + PAGE - 1) & ~(PAGE - 1));
	*(volatile char *)hide(end) = 1;
}
static volatile int depth;
__attribute__((noinline)) static int endless(int n)
{
	volatile char frame[1000];
	frame[n % 1000] = (char)n;
	depth = endless(n + 1) + frame[n % 1000];
	return depth;
}
static void endless_recursion(void) { endless(0); }
static void below_stack_limit(void)
{
	char *here = __builtin_frame_address(0);
	*(volatile char *)hide(here - (64 << 20)) = 1;
}

static void divide(void)
{
	volatile int zero = 0;
	__asm__ volatile("xor %%edx, %%edx; mov $1, %%eax; idivl %0" ::"m"(zero) : "eax", "edx");
}
static void divide_overflow(void)
{
	volatile int minus = -1;
	__asm__ volatile("mov $0x80000000, %%eax; cdq; idivl %0" ::"m"(minus) : "eax", "edx");
}
static void sse_divide(void)
{
	_mm_setcsr(_mm_getcsr() & ~_MM_MASK_DIV_ZERO);
	volatile float zero = 0, one = 1;
	say("%f", one / zero);
}
static void x87_divide(void)
{
	unsigned short cw = 0x37b;
	__asm__ volatile("fninit; fldcw %0; fldz; fld1; fdiv %%st(1), %%st; fwait" ::"m"(cw));
}
static void ud2(void) { __asm__ volatile("ud2"); }
static void int3(void) { __asm__ volatile("int3"); }
static void int1(void) { __asm__ volatile(".byte 0xf1"); }
static void int4(void) { __asm__ volatile("int $4"); }
static void int14(void) { __asm__ volatile("int $14"); }
static void int32(void) { __asm__ volatile("int $32"); }
static void int255(void) { __asm__ volatile("int $255"); }
static void hlt(void) { __asm__ volatile("hlt"); }
static void cli(void) { __asm__ volatile("cli"); }
static void sti(void) { __asm__ volatile("sti"); }
static void in_byte(void) { __asm__ volatile("inb $0x60, %%al" ::: "eax"); }
static void in_word(void) { __asm__ volatile("inw %%dx, %%ax" ::"d"(0x3f8) : "eax"); }
static void out_byte(void) { __asm__ volatile("outb %%al, $0x80" ::"a"(0)); }
static void out_long(void) { __asm__ volatile("outl %%eax, %%dx" ::"a"(0), "d"(0x500)); }
static void outs(void) { __asm__ volatile("rep outsb" ::"d"(0x3f8), "S"(data), "c"(4)); }
static void rdmsr(void) { __asm__ volatile("rdmsr" ::"c"(0x10) : "eax", "edx"); }
static void wrmsr(void) { __asm__ volatile("wrmsr" ::"c"(0x10), "a"(0), "d"(0)); }
static void read_cr0(void) { __asm__ volatile("mov %%cr0, %%rax" ::: "rax"); }
static void write_cr3(void) { __asm__ volatile("mov %%rax, %%cr3" ::"a"(0)); }
static void read_dr7(void) { __asm__ volatile("mov %%dr7, %%rax" ::: "rax"); }
static void lgdt(void) { __asm__ volatile("lgdt %0" ::"m"(data)); }
static void lidt(void) { __asm__ volatile("lidt %0" ::"m"(data)); }
static void ltr(void) { __asm__ volatile("ltr %%ax" ::"a"(8)); }
static void invlpg(void) { __asm__ volatile("invlpg %0" ::"m"(data)); }
static void wbinvd(void) { __asm__ volatile("wbinvd"); }
static void clts(void) { __asm__ volatile("clts"); }
static void swapgs(void) { __asm__ volatile("swapgs"); }
static void sysret(void) { __asm__ volatile("sysretq"); }
static void xsetbv(void) { __asm__ volatile("xsetbv" ::"a"(1), "d"(0), "c"(0)); }
static void bad_selector(void) { __asm__ volatile("mov %%ax, %%ds" ::"a"(0x1238)); }
static void bad_iret(void) { __asm__ volatile("push $0; push $0; push $2; push $0; push $0; iretq"); }
static void misaligned_sse(void) { __asm__ volatile("movaps %0, %%xmm0" ::"m"(*(char *)hide(data + 1)) : "xmm0"); }
static void trap_flag(void)
{
	__asm__ volatile("pushf; orl $0x100, (%%rsp); popf; nop; nop" ::: "cc", "memory");
}
static void alignment_check(void)
{
	__asm__ volatile("pushf; orl $0x40000, (%%rsp); popf; movl 1(%0), %%eax" ::"r"(data) : "eax", "cc", "memory");
}
static void do_abort(void) { abort(); }
static void long_nop(void) { __asm__ volatile(".byte 0x0f,0x0b"); }
static void bad_opcode(void) { __asm__ volatile(".byte 0x06"); }
static void lock_nop(void) { __asm__ volatile(".byte 0xf0,0x90"); }
static void popf_flags(void)
{
	// IOPL and IF are not the program's to change: popf leaves them.
	unsigned long flags;
	__asm__ volatile("pushf; xorl $0x3200, (%%rsp); popf; pushf; pop %0" : "=r"(flags)::"cc", "memory");
	say("IF %s", flags & 0x200 ? "set" : "clear");
}

#define C(f) {#f, f}
static const struct {
	const char *name;
	work *run;
} faults[] = {
	C(null_read), C(null_write), C(null_call), C(null_page), C(kernel_read),
	C(last_page), C(noncanonical_read), C(noncanonical_jump),
	C(noncanonical_stack), C(text_write), C(rodata_write), C(data_exec),
	C(stack_exec), C(heap_exec), C(readonly_write), C(none_read),
	C(unmapped_read), C(took_write_away), C(took_read_away),
	C(took_exec_away), C(past_end_of_file), C(brk_end),
	C(endless_recursion), C(below_stack_limit), C(divide),
	C(divide_overflow), C(sse_divide), C(x87_divide), C(ud2), C(int3),
	C(int1), C(int4), C(int14), C(int32), C(int255), C(hlt), C(cli), C(sti),
	C(in_byte), C(in_word), C(out_byte), C(out_long), C(outs), C(rdmsr),
	C(wrmsr), C(read_cr0), C(write_cr3), C(read_dr7), C(lgdt), C(lidt),
	C(ltr), C(invlpg), C(wbinvd), C(clts), C(swapgs), C(sysret), C(xsetbv),
	C(bad_selector), C(bad_iret), C(misaligned_sse), C(trap_flag),
	C(alignment_check), C(do_abort), C(long_nop), C(bad_opcode),
	C(lock_nop), C(popf_flags),
};

int main(int argc, char **argv)
{
	if (argc < 2) {
		for (size_t i = 0; i < LEN(faults); i++)
			say("%s", faults[i].name);
		return 0;
	}
	for (size_t i = 0; i < LEN(faults); i++)
		if (strcmp(argv[1], faults[i].name) == 0) {
			say("%s:", argv[1]);
			faults[i].run();
			say("still alive");
			return 0;
		}
	return 2;
}
