// start: what a program finds before main: arguments, environment, auxiliary
// vector, stack, thread area, constructors.
#include "facts.h"
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

extern char **environ;
extern char _start[], __executable_start[], etext[], end[];
extern const ElfW(Ehdr) __ehdr_start;

static int constructed;
__attribute__((constructor)) static void construct(void) { constructed++; }
__attribute__((destructor)) static void destruct(void) { say("destructor"); }
static void leaving(void) { say("atexit"); }
static __thread int in_thread = 77;
static int data[3] = {1, 2, 3};
static char zero[100000];

static void test_vector(int argc, char **argv, char **envp)
{
	static const struct { const char *name; unsigned long key; } keys[] = {
		{"PHDR", AT_PHDR}, {"PHENT", AT_PHENT}, {"PHNUM", AT_PHNUM}, {"PAGESZ", AT_PAGESZ},
		{"BASE", AT_BASE}, {"FLAGS", AT_FLAGS}, {"ENTRY", AT_ENTRY}, {"UID", AT_UID},
		{"EUID", AT_EUID}, {"GID", AT_GID}, {"EGID", AT_EGID}, {"SECURE", AT_SECURE},
		{"RANDOM", AT_RANDOM}, {"HWCAP", AT_HWCAP}, {"HWCAP2", AT_HWCAP2}, {"CLKTCK", AT_CLKTCK},
		{"PLATFORM", AT_PLATFORM}, {"EXECFN", AT_EXECFN}, {"MINSIGSTKSZ", 51},
	};
	say("# arguments");
	say("%d", argc);
	const char *slash = strrchr(argv[0], '/');
	IS(slash == 0 || slash[1] != 0);
	for (int i = 1; i < argc; i++)
		say("[%s]", argv[i]);
	IS(argv[argc] == 0);
	IS(envp == argv + argc + 1);
	IS(environ == envp);
	for (char **e = envp; *e; e++)
		say("[%s]", *e);
	IS(((uintptr_t)(argv - 1) & 15) == 0);
	say("# auxiliary vector");
	char **e = envp;
	while (*e)
		e++;
	ElfW(auxv_t) *aux = (void *)(e + 1);
	for (size_t i = 0; i < LEN(keys); i++) {
		int times = 0;
		for (ElfW(auxv_t) *a = aux; a->a_type != AT_NULL; a++)
			times += a->a_type == keys[i].key;
		say("%s: %d times", keys[i].name, times);
	}
	say("%lu %lu %lu %lu %lu", getauxval(AT_PHENT), getauxval(AT_PAGESZ), getauxval(AT_BASE),
	    getauxval(AT_FLAGS), getauxval(AT_CLKTCK));
	say("%lu %lu %lu %lu %lu", getauxval(AT_UID), getauxval(AT_EUID), getauxval(AT_GID), getauxval(AT_EGID),
	    getauxval(AT_SECURE));
	IS(getauxval(AT_ENTRY) == (unsigned long)_start);
	IS(getauxval(AT_PHNUM) == __ehdr_start.e_phnum);
	IS(getauxval(AT_PHDR) == (unsigned long)&__ehdr_start + __ehdr_start.e_phoff);
	say("%s", (const char *)getauxval(AT_PLATFORM));
	IS(((const char *)getauxval(AT_EXECFN))[0] != 0);
	IS(getauxval(AT_MINSIGSTKSZ) >= 1000);
	IS(getauxval(AT_HWCAP) != 0);
	int edx, eax = 1, ebx, ecx = 0;
	__asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	// glibc's getauxval gives something of its own for HWCAP.
	for (ElfW(auxv_t) *a = aux; a->a_type != AT_NULL; a++)
		if (a->a_type == AT_HWCAP)
			IS(a->a_un.a_val == (unsigned)edx);
	// Strings lie above the vectors, on the stack.
	IS(argv[0] > (char *)aux && (argc < 2 || argv[1] > argv[0]));
	IS((char *)getauxval(AT_RANDOM) > (char *)aux);
}

__attribute__((noinline)) static long deep(long n)
{
	volatile char frame[100];
	frame[n % 100] = (char)n;
	return n == 0 ? 0 : deep(n - 1) + frame[n % 100] * 0 + 1;
}

__attribute__((noinline)) static void wide(void)
{
	volatile char area[6 << 20];
	area[0] = 1; // the far end first
	area[sizeof area / 2] = 2;
	area[sizeof area - 1] = 3;
	say("%d %d %d %d", area[0], area[sizeof area / 2], area[sizeof area - 1], area[4096]);
}

int main(int argc, char **argv, char **envp)
{
	test_vector(argc, argv, envp);
	say("# image");
	IS(constructed == 1);
	say("%d %d %d %d", in_thread, data[0], data[1], data[2]);
	int set = 0;
	for (size_t i = 0; i < sizeof zero; i++)
		set |= zero[i];
	IS(set == 0);
	IS(writable(data) && !writable((void *)(uintptr_t)main) && readable((void *)(uintptr_t)main));
	IS(readable(end - 1));
	IS(!readable((char *)0) && !readable((char *)4095) && !readable((char *)0x7ffffffff000));
	unsigned mxcsr;
	unsigned short control;
	unsigned long flags;
	__asm__ volatile("stmxcsr %0; fnstcw %1; pushf; pop %2" : "=m"(mxcsr), "=m"(control), "=r"(flags));
	say("mxcsr %x control %x DF %lx AC %lx", mxcsr & 0xffc0, control, flags & 0x400, flags & 0x40000);
	unsigned short cs, ss;
	__asm__("mov %%cs, %0; mov %%ss, %1" : "=r"(cs), "=r"(ss));
	say("rings %d %d", cs & 3, ss & 3);
	say("# stack");
	say("%ld", deep(50000));
	wide();
	atexit(leaving);
	return 7;
}
