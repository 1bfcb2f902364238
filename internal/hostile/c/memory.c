// memory: a program that takes its own memory away, writes to code, executes
// data, and asks for address space that nobody has.
#include "attack.h"
#include <sys/resource.h>

static char data[64] = {(char)0xc3};
static const char constant[64] = {(char)0xc3};

static void *hide(const void *p)
{
	__asm__ volatile("" : "+r"(p));
	return (void *)p;
}
static char *page(int prot)
{
	char *p = mmap(0, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(p != MAP_FAILED);
	return p;
}
static void run_at(void *p) { ((void (*)(void))hide(p))(); }

// Everything goes: the call is the last that there is.
static void unmap_all(void) { syscall(SYS_munmap, 0, 0x7ffffefff000); }
static void unmap_code(void) { syscall(SYS_munmap, 0x400000, 1 << 20); }
static void unmap_stack(void)
{
	long at = (long)__builtin_frame_address(0) & -PAGE;
	__asm__ volatile("syscall; push %%rax" ::"a"(11), "D"(at - 16 * PAGE), "S"(64 * PAGE) : "rcx", "r11", "memory");
}
static void unmap_stack_and_call(void)
{
	long at = (long)__builtin_frame_address(0) & -PAGE;
	__asm__ volatile("syscall; mov $39, %%eax; syscall; mov $231, %%eax; mov $5, %%edi; syscall" ::"a"(11), "D"(at - 16 * PAGE), "S"(64 * PAGE) : "rcx", "r11", "memory");
}
static void none_code(void) { syscall(SYS_mprotect, (long)none_code & -PAGE, 4 * PAGE, 0); }
static void none_stack(void)
{
	long at = (long)__builtin_frame_address(0) & -PAGE;
	syscall(SYS_mprotect, at - PAGE, 2 * PAGE, 0);
}
static void none_data(void)
{
	syscall(SYS_mprotect, (long)data & -PAGE, PAGE, 0);
	data[0] = 1;
}
// Each mapping that the program knows of becomes PROT_NONE, its code last.
static void none_all(void)
{
	static unsigned long from[64], to[64];
	static char text[16384];
	int n = 0, fd = open("/proc/self/maps", O_RDONLY);
	ssize_t size = 0, got;
	must(fd >= 0);
	while ((got = read(fd, text + size, sizeof text - 1 - size)) > 0)
		size += got;
	text[size] = 0;
	for (char *line = text; line && *line && n < 64; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : 0)
		if (sscanf(line, "%lx-%lx", &from[n], &to[n]) == 2)
			n++;
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < n; i++) {
			int last = from[i] <= (long)none_all && (long)none_all < to[i];
			int mine = from[i] <= (long)from && (long)from < to[i];
			int stack = from[i] <= (long)&n && (long)&n < to[i];
			if (pass == 0 && !last && !mine && !stack)
				syscall(SYS_mprotect, from[i], to[i] - from[i], 0);
			else if (pass == 1 && last)
				syscall(SYS_mprotect, from[i], to[i] - from[i], 0);
		}
}
static void map_over_code(void) { syscall(SYS_mmap, (long)map_over_code & -PAGE, 4 * PAGE, 5, 0x32, -1, 0); }
static void discard_stack(void)
{
	long at = (long)__builtin_frame_address(0) & -PAGE;
	__asm__ volatile("syscall; mov $0, %%rbp" ::"a"(28), "D"(at), "S"(PAGE), "d"(4) : "rcx", "r11", "memory");
	__asm__ volatile("ret");
}
__attribute__((aligned(4096))) static char kept[2 * 4096] = {1, 2};
static void discard_data(void)
{
	kept[0] = 5;
	must(syscall(SYS_madvise, kept, PAGE, 4) == 0);
	seen = *(volatile char *)kept;
}
static void discard_code(void) { seen = syscall(SYS_madvise, (long)discard_code & -PAGE, PAGE, 4); }
static void move_code(void) { syscall(SYS_mremap, (long)move_code & -PAGE, 4 * PAGE, 4 * PAGE, 1 | 2, 0x10000000); }
static void move_stack(void)
{
	long at = (long)__builtin_frame_address(0) & -PAGE;
	syscall(SYS_mremap, at, PAGE, PAGE, 3, 0x10000000);
}
static void shrink_break(void)
{
	char *p = (char *)syscall(SYS_brk, 0);
	must(syscall(SYS_brk, p + 16 * PAGE) == (long)p + 16 * PAGE);
	p[15 * PAGE] = 1;
	syscall(SYS_brk, p);
	seen = *(volatile char *)hide(p + 15 * PAGE);
}
static void write_code(void) { *(volatile char *)hide(write_code) = 1; }
static void write_code_by_call(void)
{
	int p[2];
	must(pipe(p) == 0 && write(p[1], data, 16) == 16);
	must(read(p[0], hide(write_code), 16) == -1 && errno == EFAULT);
}
static void write_constant(void) { *(volatile char *)hide(constant) = 1; }
static void execute_data(void) { run_at(data); }
static void execute_constant(void) { run_at((void *)constant); }
static void execute_stack(void)
{
	char code[16] = {(char)0xc3};
	run_at(code);
}
static void execute_heap(void)
{
	char *p = page(PROT_READ | PROT_WRITE);
	*p = (char)0xc3;
	run_at(p);
}
static void execute_file(void)
{
	put("/tmp/code", "\xc3\xc3\xc3");
	int fd = open("/tmp/code", O_RDONLY);
	char *p = mmap(0, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	must(p != MAP_FAILED);
	run_at(p);
}
static void execute_then_write(void)
{
	char *p = page(PROT_READ | PROT_WRITE);
	*p = (char)0xc3;
	must(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
	run_at(p);
	*(volatile char *)p = 1;
}
static void write_then_execute(void)
{
	char *p = page(PROT_READ | PROT_WRITE);
	*p = (char)0xc3;
	must(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
	run_at(p);
	must(mprotect(p, PAGE, PROT_READ | PROT_WRITE) == 0);
	*(volatile char *)p = (char)0xc3;
	run_at(p);
}
static void old_place_of_code(void)
{
	char *p = page(PROT_READ | PROT_WRITE);
	*p = (char)0xc3;
	must(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
	run_at(p);
	must(mremap(p, PAGE, PAGE, 3, 0x10000000) == (void *)0x10000000);
	run_at((void *)0x10000000);
	run_at(p);
}
static void reuse_shows_nothing(void)
{
	for (int i = 0; i < 64; i++) {
		char *p = page(PROT_READ | PROT_WRITE);
		for (long k = 0; k < PAGE; k++)
			seen += p[k];
		memset(p, 0x5a, PAGE);
		munmap(p, PAGE);
	}
	char *big = mmap(0, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (long k = 0; k < 8 << 20; k += 64)
		seen += big[k];
}
static void past_end_of_file(void)
{
	put("/tmp/short", "short");
	int fd = open("/tmp/short", O_RDONLY);
	char *p = mmap(0, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	must(p != MAP_FAILED);
	seen = p[PAGE];
}
static void file_cut_under_map(void)
{
	put("/tmp/short", "short");
	int fd = open("/tmp/short", O_RDWR);
	must(ftruncate(fd, 4 * PAGE) == 0);
	char *p = mmap(0, 4 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	must(p != MAP_FAILED && ftruncate(fd, 0) == 0);
	seen = *(volatile char *)(p + 3 * PAGE);
}
static void below_stack(void) { seen = *(volatile char *)hide((char *)__builtin_frame_address(0) - (64 << 20)); }
static volatile int depth;
__attribute__((noinline)) static int endless(int n)
{
	volatile char frame[200];
	frame[n % 200] = (char)n;
	depth = endless(n + 1) + frame[n % 200];
	return depth;
}
static void recursion(void) { endless(0); }
static void recursion_of_calls(void)
{
	struct rlimit r = {1 << 20, 1 << 20};
	setrlimit(RLIMIT_STACK, &r);
	endless(0);
}
#define FAILS(call) do { errno = 0; if ((long)(call) != -1) say("%s worked", #call); else say("%s", errno_name(errno)); } while (0)
static void impossible_maps(void)
{
	FAILS(mmap(0, 1ul << 47, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	FAILS(mmap(0, -1ul, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	FAILS(mmap(0, -4096ul, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	FAILS(mmap((void *)-4096ul, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	FAILS(mmap((void *)(1ul << 47), 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	FAILS(mmap((void *)0x7fffffffe000, 8192, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	FAILS(mmap((void *)0x10000001, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	FAILS(mremap(data + 1, 4096, 8192, 1));
	FAILS(mremap((void *)((long)data & -PAGE), PAGE, 1ul << 47, 1));
	FAILS(mremap((void *)((long)data & -PAGE), PAGE, -4096ul, 1));
	FAILS(munmap((void *)(1ul << 47), 4096));
	FAILS(munmap(0, -4096ul));
	FAILS(mprotect((void *)(1ul << 47), 4096, 0));
	FAILS(mprotect((void *)0x400000, -4096ul, 0));
	FAILS(madvise((void *)0x400000, -4096ul, 4));
	FAILS(msync((void *)0x400000, -4096ul, 4));
	FAILS(mincore((void *)0x400000, -4096ul, (void *)data));
	char *old = (char *)syscall(SYS_brk, 0);
	say("brk %s", syscall(SYS_brk, 1ul << 46) == (long)old ? "refused" : "grown");
	say("brk %s", syscall(SYS_brk, -1ul) == (long)old ? "refused" : "grown");
	say("brk %s", syscall(SYS_brk, 1) == (long)old ? "refused" : "moved");
}
static void unmap_holes(void)
{
	char *p = mmap(0, 512 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 512; i += 2)
		munmap(p + i * PAGE, PAGE);
	for (int i = 1; i < 512; i += 2)
		p[i * PAGE] = 1;
	seen = *(volatile char *)(p + 256 * PAGE);
}

TABLE({"unmap_all", unmap_all}, {"unmap_code", unmap_code}, {"unmap_stack", unmap_stack}, {"unmap_stack_and_call", unmap_stack_and_call}, {"none_code", none_code},
	{"none_stack", none_stack}, {"none_data", none_data}, {"none_all", none_all}, {"map_over_code", map_over_code}, {"discard_stack", discard_stack},
	{"discard_data", discard_data}, {"discard_code", discard_code}, {"move_code", move_code}, {"move_stack", move_stack}, {"shrink_break", shrink_break},
	{"write_code", write_code}, {"write_code_by_call", write_code_by_call}, {"write_constant", write_constant}, {"execute_data", execute_data},
	{"execute_constant", execute_constant}, {"execute_stack", execute_stack}, {"execute_heap", execute_heap}, {"execute_file", execute_file},
	{"execute_then_write", execute_then_write}, {"write_then_execute", write_then_execute}, {"old_place_of_code", old_place_of_code},
	{"reuse_shows_nothing", reuse_shows_nothing}, {"past_end_of_file", past_end_of_file}, {"file_cut_under_map", file_cut_under_map}, {"below_stack", below_stack},
	{"recursion", recursion}, {"recursion_of_calls", recursion_of_calls}, {"impossible_maps", impossible_maps}, {"unmap_holes", unmap_holes})
