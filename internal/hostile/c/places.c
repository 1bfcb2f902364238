// places: a stack pointer where no stack is, jumps to where no code is, and
// instructions at the edges of pages and of user space.
#include "attack.h"

__attribute__((aligned(4096))) char room[4 * 4096];

// A way to use the stack pointer that rdi is about to become.
#define NAKED(name, code) __attribute__((naked, noinline)) static void name(unsigned long at) { __asm__(code); }
#define BACK "jmp came_back"
NAKED(use_push, "mov %rdi, %rsp; push %rax; " BACK)
NAKED(use_pop, "mov %rdi, %rsp; pop %rax; " BACK)
NAKED(use_call, "mov %rdi, %rsp; mov $39, %eax; syscall; " BACK)
NAKED(use_ud2, "mov %rdi, %rsp; ud2")
NAKED(use_int3, "mov %rdi, %rsp; int3")
NAKED(use_hlt, "mov %rdi, %rsp; hlt")
NAKED(use_null, "mov %rdi, %rsp; xor %eax, %eax; mov (%rax), %eax")
NAKED(use_jump, "mov $39, %eax; xor %ecx, %ecx; jmp *%rdi")
NAKED(use_jump_call, "mov %rdi, %rax; mov $1f, %ecx; mov $0x202, %r11d; jmp *%rax; 1: ud2")
NAKED(use_jump_wild, "mov %rdi, %rax; mov $0x800000000000, %rcx; mov $-1, %r11; mov $room, %edi; jmp *%rax")
NAKED(use_read, "mov (%rdi), %rax; " BACK)
NAKED(use_write, "mov %rax, (%rdi); " BACK)
NAKED(use_add, "lock addq $0, (%rdi); " BACK)
NAKED(use_ret, "mov $39, %eax; xor %ecx, %ecx; push %rdi; ret")
// As a pointer of a call: read(2) into it and write(2) from it, and the time.
static void use_pointer(unsigned long at)
{
	int p[2];
	must(pipe(p) == 0);
	char *where = (char *)at;
	say("write %s", write(p[1], where, 8) == 8 ? "ok" : errno_name(errno));
	must(write(p[1], "8 bytes", 8) == 8);
	say("read %s", read(p[0], where, 8) == 8 ? "ok" : errno_name(errno));
	say("open %s", open(where, 0) >= 0 ? "ok" : errno_name(errno));
	say("clock_gettime %s", syscall(SYS_clock_gettime, 0, where) == 0 ? "ok" : errno_name(errno));
	say("pipe2 %s", syscall(SYS_pipe2, where, 0) == 0 ? "ok" : errno_name(errno));
	say("munmap %s", syscall(SYS_munmap, at & -4096, 4096) == 0 ? "ok" : errno_name(errno));
	say("mprotect %s", syscall(SYS_mprotect, at & -4096, 4096, 7) == 0 ? "ok" : errno_name(errno));
	say("mmap %s", syscall(SYS_mmap, at & -4096, 4096, 3, 0x100032, -1, 0) != -1 ? "ok" : errno_name(errno));
	char *other = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(other != MAP_FAILED);
	say("mremap %s", syscall(SYS_mremap, other, 4096, 4096, 3, at & -4096) != -1 ? "ok" : errno_name(errno));
	say("madvise %s", syscall(SYS_madvise, at & -4096, 4096, 4) == 0 ? "ok" : errno_name(errno));
	say("arch_prctl %s", syscall(SYS_arch_prctl, 0x1001, at) == 0 ? "ok" : errno_name(errno));
	munmap((void *)(at & -4096), PAGE);
	close(p[0]);
	close(p[1]);
}

#define SYSTEM 0x7fffff000000
static const struct {
	const char *name;
	unsigned long at;
	int few; // one of those that stand for the others
} places[] = {
	{"null", 0, 1}, {"one", 1}, {"code", (unsigned long)&use_push, 1}, {"end_of_room", (unsigned long)room + sizeof room},
	{"stub", SYSTEM, 1}, {"stub_1", SYSTEM + 1}, {"stub_2", SYSTEM + 2}, {"stub_3", SYSTEM + 3}, {"stub_4", SYSTEM + 4}, {"stub_middle", SYSTEM + 2048}, {"stub_odd", SYSTEM + 2049}, {"stub_end", SYSTEM + 4095},
	{"before_stub", SYSTEM - 8}, {"gdt", SYSTEM + 0x1000, 1}, {"gdt_end", SYSTEM + 0x2000 - 8}, {"idt", SYSTEM + 0x2000}, {"handlers", SYSTEM + 0x3000}, {"handler_14", SYSTEM + 0x3000 + 56}, {"probe", SYSTEM + 0x4000},
	{"tss", SYSTEM + 0x5000}, {"exception_stack", SYSTEM + 0x6000 - 48}, {"exception_stack_top", SYSTEM + 0x6000, 1}, {"second_processor", SYSTEM + 0x6008},
	{"last_page", 0x7fffffffe000}, {"last_byte", 0x7fffffffffff, 1}, {"noncanonical", 0x800000000000, 1}, {"noncanonical_far", 0x1234567812345678}, {"upper_first", 0xffff800000000000}, {"upper_kernel", 0xffffffff81000000, 1}, {"upper_fixed", 0xfffffffffffff000}, {"all_ones", -1ul, 1},};
#define U(name, few) {#name, use_##name, few}
static const struct {
	const char *name;
	void (*run)(unsigned long);
	int few; // with those places alone
} uses[] = {
	U(push, 1), U(pop, 1), U(call, 1), U(ud2, 1), U(int3, 1), U(hlt, 1), U(null, 1), U(jump, 0), U(jump_call, 1), U(jump_wild, 1), U(read, 0), U(write, 0), U(add, 1), U(ret, 1), U(pointer, 0),
};

// page gives a page with code at its end and nothing behind it.
static char *before_hole(const char *code, size_t n)
{
	char *p = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(p != MAP_FAILED);
	memcpy(p + PAGE - n, code, n);
	must(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
	must(munmap(p + PAGE, PAGE) == 0);
	return p + PAGE - n;
}
static void jump(const char *to)
{
	__asm__ volatile("mov $0x6b00, %%eax; xor %%edi, %%edi; call *%0" ::"r"(to) : "memory", "rax", "rdi", "rcx", "r11");
}
static void edge_nop(void) { jump(before_hole("\x90", 1)); }
static void edge_syscall(void) { jump(before_hole("\x0f\x05", 2)); }
static void edge_half_syscall(void) { jump(before_hole("\x0f", 1)); }
static void edge_half_call(void) { jump(before_hole("\xe8\x00\x00", 3)); }
static void edge_half_int(void) { jump(before_hole("\xcd", 1)); }
static void edge_int(void) { jump(before_hole("\xcd\x80", 2)); }
static void edge_int3(void) { jump(before_hole("\xcc", 1)); }
static void edge_prefixes(void) { jump(before_hole("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66", 14)); }
static void edge_avx(void) { jump(before_hole("\xc5\xf8", 2)); }
static void edge_hlt(void) { jump(before_hole("\xf4", 1)); }
static void edge_ret(void) { jump(before_hole("\xc3", 1)); }
// The last addresses that a program of a cell may have; Linux has them too, if
// its stack does not.
static void last(const char *code, size_t n)
{
	munmap((void *)(SYSTEM - PAGE), PAGE);
	char *p = mmap((void *)(SYSTEM - PAGE), PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (p == MAP_FAILED) {
		say("no page: %s", errno_name(errno));
		return;
	}
	memcpy(p + PAGE - n, code, n);
	must(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
	jump(p + PAGE - n);
}
static void last_nop(void) { last("\x90", 1); }
static void last_syscall(void) { last("\x0f\x05", 2); }
static void last_out(void) { last("\xe6\x00", 2); }
static void last_in(void) { last("\xe4\x00", 2); }
static void last_half_out(void) { last("\xe6", 1); }
static void last_outsb(void) { last("\x6e", 1); }
static void last_jump(void) { last("\xeb\x00", 2); }
static void last_int3(void) { last("\xcc", 1); }
static void last_ud2(void) { last("\x0f\x0b", 2); }
static void last_prefix(void) { last("\x66", 1); }
static void beyond_last(void)
{
	for (unsigned long at = SYSTEM; at < 0x7ffffffff000; at += 0x100000)
		if (mmap((void *)at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != MAP_FAILED)
			seen++;
}

#define E(name) {#name, name}
static const struct entry edges[] = {
	E(edge_nop), E(edge_syscall), E(edge_half_syscall), E(edge_half_call), E(edge_half_int), E(edge_int), E(edge_int3), E(edge_prefixes), E(edge_avx), E(edge_hlt), E(edge_ret),
	E(last_nop), E(last_syscall), E(last_out), E(last_in), E(last_half_out), E(last_outsb), E(last_jump), E(last_int3), E(last_ud2), E(last_prefix), E(beyond_last),
};

// each calls do with every use and place that belong together, until it says
// so.
static int each(int (*do_with)(const char *name, size_t use, size_t place, const char *wanted), const char *wanted)
{
	for (size_t u = 0; u < LEN(uses); u++)
		for (size_t p = 0; p < LEN(places); p++) {
			char name[64];
			if (uses[u].few && !places[p].few)
				continue;
			if (uses[u].run == use_pointer && places[p].at < SYSTEM && places[p].at > PAGE)
				continue; // what is the program's own it may take away
			snprintf(name, sizeof name, "%s_%s", uses[u].name, places[p].name);
			if (do_with(name, u, p, wanted))
				return 1;
		}
	return 0;
}
static int list_one(const char *name, size_t use, size_t place, const char *wanted)
{
	say("%s", name);
	return 0;
}
static int attack_one(const char *name, size_t use, size_t place, const char *wanted)
{
	if (strcmp(name, wanted) != 0)
		return 0;
	try(name, uses[use].run, places[place].at);
	return 1;
}
static void list(void)
{
	each(list_one, 0);
	list_table(edges, LEN(edges));
}
static int attack(const char *name)
{
	return each(attack_one, name) || attack_table(edges, LEN(edges), name);
}
