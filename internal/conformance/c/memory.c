// memory: brk, mmap, munmap, mprotect, mremap, madvise as programs use them.
#include "facts.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static int all(const volatile char *p, long n, char value)
{
	for (long i = 0; i < n; i++)
		if (p[i] != value)
			return 0;
	return 1;
}

static char *pages(long n)
{
	char *p = mmap(0, n * PAGE, RW, ANON, -1, 0);
	must(p != MAP_FAILED);
	return p;
}

static long brk_to(char *p) { return syscall(SYS_brk, p); }

static void test_brk(void)
{
	say("# brk");
	char *base = (char *)brk_to(0);
	IS(base != 0);
	char *start = (char *)(((uintptr_t)base + PAGE - 1) & ~(PAGE - 1));
	IS((char *)brk_to(start + 3 * PAGE + 100) == start + 3 * PAGE + 100);
	IS(all(start, 3 * PAGE + 100, 0));
	memset(start, 7, 3 * PAGE + 100);
	IS((char *)brk_to(0) == start + 3 * PAGE + 100);
	IS(writable(start + 4 * PAGE - 1));
	IS(readable(start + 4 * PAGE));
	IS((char *)brk_to(start + PAGE) == start + PAGE);
	IS(readable(start + PAGE));
	IS((char *)brk_to(start + 4 * PAGE) == start + 4 * PAGE);
	IS(all(start, PAGE, 7));
	IS(all(start + PAGE, 3 * PAGE, 0));
	IS((char *)brk_to((char *)16) == start + 4 * PAGE);
	IS((char *)brk_to((char *)0x7ffffffff000) == start + 4 * PAGE);
	IS((char *)brk_to((char *)-1L) == start + 4 * PAGE);
	IS((char *)brk_to(start + (8 << 20)) == start + (8 << 20));
	IS(all(start + 4 * PAGE, (8 << 20) - 4 * PAGE, 0));
	memset(start, 1, 8 << 20);
	IS(start[(8 << 20) - 1] == 1);
	IS((char *)brk_to(base) == base);
	// A map in the way stops the growth.
	char *wall = mmap(start + 16 * PAGE, PAGE, RW,
			  ANON | MAP_FIXED_NOREPLACE, -1, 0);
	IS(wall == start + 16 * PAGE);
	IS((char *)brk_to(start + 32 * PAGE) == base);
	IS((char *)brk_to(start + 8 * PAGE) == start + 8 * PAGE);
	must(munmap(wall, PAGE) == 0);
	IS((char *)brk_to(base) == base);
}

static void test_mmap(void)
{
	say("# mmap anonymous");
	char *p = pages(4);
	IS(((uintptr_t)p & (PAGE - 1)) == 0);
	IS(all(p, 4 * PAGE, 0));
	memset(p, 5, 4 * PAGE);
	OK(mmap(0, 0, RW, ANON, -1, 0));
	OK(mmap(0, PAGE, RW, MAP_ANONYMOUS, -1, 0));
	OK(mmap(0, PAGE, RW, ANON, -1, 1));
	OK(mmap(0, PAGE, RW, ANON, 77, 0));
	OK(mmap(0, PAGE, RW, ANON, -1, PAGE));
	OK(mmap(0, PAGE, RW, MAP_PRIVATE, -1, 0));
	OK(mmap(0, PAGE, RW, MAP_PRIVATE, 77, 0));
	OK(mmap(0, 1, RW, ANON, -1, 0));
	OK(mmap(0, -1UL, RW, ANON, -1, 0));
	OK(mmap(0, 1UL << 62, PROT_NONE, ANON | MAP_NORESERVE, -1, 0));
	OK(mmap(0, 1UL << 40, PROT_NONE, ANON | MAP_NORESERVE, -1, 0));
	OK(mmap(0, PAGE, 0xf0, ANON, -1, 0));
	OK(mmap(0, 4 * PAGE, RW, ANON | MAP_NORESERVE | MAP_STACK, -1, 0));
	OK(mmap(0, 4 * PAGE, RW, ANON | MAP_POPULATE, -1, 0));
	OK(mmap(0, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	OK(mmap(p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0));
	OK(mmap((void *)0x7ffffffff000, PAGE, RW, ANON | MAP_FIXED, -1, 0));
	OK(mmap((void *)0xffff800000000000, PAGE, RW, ANON | MAP_FIXED, -1, 0));
	say("# mmap placement");
	IS(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + PAGE);
	IS(all(p, PAGE, 5));
	IS(all(p + PAGE, PAGE, 0));
	IS(all(p + 2 * PAGE, 2 * PAGE, 5));
	OK(mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
	IS(all(p, PAGE, 5));
	must(munmap(p + PAGE, 2 * PAGE) == 0);
	IS(mmap(p + PAGE, PAGE, RW, ANON, -1, 0) == p + PAGE);
	IS(mmap(p + 2 * PAGE + 5, PAGE, RW, ANON, -1, 0) != p + 3 * PAGE);
	IS(mmap(p, PAGE, RW, ANON, -1, 0) != p);
	char *none = mmap(0, PAGE, PROT_NONE, ANON, -1, 0);
	IS(readable(none));
	IS(writable(none));
	char *ro = mmap(0, PAGE, PROT_READ, ANON, -1, 0);
	IS(readable(ro));
	IS(writable(ro));
	char *wo = mmap(0, PAGE, PROT_WRITE, ANON, -1, 0);
	IS(writable(wo));
	*(volatile char *)wo = 3;
	IS(*(volatile char *)wo == 3);
	char *rx = mmap(0, PAGE, PROT_READ | PROT_EXEC, ANON, -1, 0);
	IS(readable(rx));
	IS(writable(rx));
}

static void test_munmap(void)
{
	say("# munmap");
	char *p = pages(5);
	memset(p, 9, 5 * PAGE);
	TRY(munmap(p + 2 * PAGE, PAGE));
	IS(readable(p + 2 * PAGE - 1));
	IS(readable(p + 2 * PAGE));
	IS(readable(p + 3 * PAGE - 1));
	IS(readable(p + 3 * PAGE));
	TRY(munmap(p + 2 * PAGE, PAGE));
	TRY(munmap(p + 1, PAGE));
	TRY(munmap(p, 0));
	TRY(munmap(p, -1UL));
	TRY(munmap((void *)0xffff800000000000, PAGE));
	TRY(munmap(p + PAGE, 1));
	IS(readable(p + PAGE));
	TRY(munmap(p, 5 * PAGE));
	IS(readable(p) || readable(p + 3 * PAGE) || readable(p + 4 * PAGE));
	// A transfer that runs into a hole is cut there.
	p = pages(2);
	memset(p, 'x', 2 * PAGE);
	must(munmap(p + PAGE, PAGE) == 0);
	int fd = open("/tmp/hole", O_RDWR | O_CREAT | O_TRUNC, 0600);
	TRY(write(fd, p + PAGE - 10, 20));
	TRY(write(fd, p + PAGE, 20));
	TRY(lseek(fd, 0, SEEK_SET));
	TRY(read(fd, p + PAGE - 4, 10));
	TRY(read(fd, p + PAGE, 10));
	close(fd);
	unlink("/tmp/hole");
}

static void test_mprotect(void)
{
	say("# mprotect");
	char *p = pages(4);
	memset(p, 4, 4 * PAGE);
	TRY(mprotect(p + PAGE, PAGE, PROT_READ));
	IS(writable(p));
	IS(readable(p + PAGE));
	IS(writable(p + PAGE));
	IS(writable(p + 2 * PAGE));
	TRY(mprotect(p + PAGE, PAGE, PROT_NONE));
	IS(readable(p + PAGE));
	TRY(mprotect(p + PAGE, 1, RW));
	IS(writable(p + PAGE));
	IS(all(p, 4 * PAGE, 4));
	p[PAGE] = 6;
	TRY(mprotect(p + 1, PAGE, RW));
	TRY(mprotect(p, 0, PROT_NONE));
	IS(writable(p));
	TRY(mprotect(p, PAGE, 0xf0));
	TRY(mprotect(p, -1UL, RW));
	TRY(mprotect((void *)0xffff800000000000, PAGE, RW));
	must(munmap(p + 2 * PAGE, PAGE) == 0);
	TRY(mprotect(p, 4 * PAGE, PROT_READ));
	IS(writable(p));
	IS(writable(p + PAGE));
	IS(writable(p + 3 * PAGE));
	TRY(mprotect(p + 2 * PAGE, PAGE, PROT_READ));
	say("# code made at run time");
	static const unsigned char code[] = {0x8d, 0x04, 0x37, 0xc3};
	char *c = pages(1); // lea eax, [rdi+rsi]; ret
	memcpy(c, code, sizeof code);
	TRY(mprotect(c, PAGE, PROT_READ | PROT_EXEC));
	IS(((int (*)(int, int))c)(40, 2) == 42);
	TRY(mprotect(c, PAGE, RW));
	c[1] = 0x44; // lea eax, [rdi+rsi+5]
	c[2] = 0x37;
	c[3] = 5;
	c[4] = (char)0xc3;
	TRY(mprotect(c, PAGE, PROT_READ | PROT_EXEC));
	IS(((int (*)(int, int))c)(40, 2) == 47);
	OK(mmap(0, PAGE, RW | PROT_EXEC, ANON, -1, 0));
	TRY(mprotect(c, PAGE, RW | PROT_EXEC));
}

static void test_mremap(void)
{
	say("# mremap");
	char *p = pages(8);
	for (long i = 0; i < 8; i++)
		memset(p + i * PAGE, (int)i + 1, PAGE);
	IS(mremap(p, 8 * PAGE, 4 * PAGE, 0) == p);
	IS(readable(p + 4 * PAGE));
	IS(mremap(p, 4 * PAGE, 6 * PAGE, 0) == p);
	IS(all(p + 3 * PAGE, PAGE, 4));
	IS(all(p + 4 * PAGE, 2 * PAGE, 0));
	must(mmap(p + 6 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) != MAP_FAILED);
	must(mprotect(p + 6 * PAGE, PAGE, PROT_READ) == 0);
	OK(mremap(p, 6 * PAGE, 9 * PAGE, 0));
	char *q = mremap(p, 6 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	IS(q != p);
	IS(readable(p));
	IS(all(q, PAGE, 1) && all(q + 3 * PAGE, PAGE, 4));
	IS(all(q + 4 * PAGE, 60 * PAGE, 0));
	char *to = pages(70);
	memset(to, 8, 70 * PAGE);
	IS(mremap(q, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	IS(all(to, PAGE, 1) && all(to + PAGE, PAGE, 2));
	IS(all(to + 2 * PAGE, PAGE, 0) && all(to + 3 * PAGE, PAGE, 8));
	IS(readable(q + PAGE));
	IS(all(q + 3 * PAGE, PAGE, 4));
	OK(mremap(q + 2 * PAGE, PAGE, PAGE, MREMAP_FIXED, to));
	OK(mremap(q + 2 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + 1));
	OK(mremap(to, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE));
	OK(mremap(to + 1, PAGE, PAGE, 0));
	OK(mremap(to, PAGE, 0, 0));
	OK(mremap(to, 0, PAGE, MREMAP_MAYMOVE));
	OK(mremap(to, PAGE, PAGE, 64));
	OK(mremap(q, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	OK(mremap(to, PAGE, -PAGE, MREMAP_MAYMOVE));
}

static void test_madvise(void)
{
	say("# madvise");
	char *p = pages(4);
	memset(p, 3, 4 * PAGE);
	TRY(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED));
	IS(all(p, PAGE, 3) && all(p + PAGE, 2 * PAGE, 0) && all(p + 3 * PAGE, PAGE, 3));
	TRY(madvise(p, PAGE, MADV_NORMAL));
	TRY(madvise(p, PAGE, MADV_RANDOM));
	TRY(madvise(p, PAGE, MADV_SEQUENTIAL));
	TRY(madvise(p, PAGE, MADV_WILLNEED));
	TRY(madvise(p, 4 * PAGE, 8 /* MADV_FREE */));
	TRY(madvise(p + 1, PAGE, MADV_DONTNEED));
	TRY(madvise(p, 0, MADV_DONTNEED));
	TRY(madvise(p, -1UL, MADV_DONTNEED));
	TRY(madvise(p, PAGE, 999));
	TRY(madvise(p, PAGE, -1));
	must(munmap(p + PAGE, PAGE) == 0);
	memset(p + 2 * PAGE, 3, 2 * PAGE);
	TRY(madvise(p, 4 * PAGE, MADV_DONTNEED));
	IS(all(p + 2 * PAGE, 2 * PAGE, 0));
	TRY(madvise(p + PAGE, PAGE, MADV_DONTNEED));
	// Unmapped and mapped again reads as zero.
	for (int i = 0; i < 40; i++) {
		char *m = pages(64);
		must(all(m, 64 * PAGE, 0));
		memset(m, i + 1, 64 * PAGE);
		must(munmap(m, 64 * PAGE) == 0);
	}
	say("forty maps of 64 pages were zero");
}

// Shared memory is a file without a name: MADV_DONTNEED leaves what it holds,
// MADV_REMOVE does not.
static void test_madvise_shared(void)
{
	say("# madvise of shared memory");
	char *p = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(p != MAP_FAILED);
	memset(p, 'a', 4 * PAGE);
	TRY(madvise(p, 2 * PAGE, MADV_DONTNEED));
	say("%c %c", p[0], p[2 * PAGE]);
	TRY(madvise(p, PAGE, 8 /* MADV_FREE */));
	TRY(madvise(p + PAGE, PAGE, MADV_REMOVE));
	say("%c %d %c", p[0], p[PAGE], p[2 * PAGE]);
	must(mprotect(p, 4 * PAGE, PROT_NONE) == 0);
	TRY(madvise(p + 2 * PAGE, PAGE, MADV_REMOVE));
	must(mprotect(p, 4 * PAGE, PROT_READ) == 0);
	say("%c %d %c", p[0], p[2 * PAGE], p[3 * PAGE]);
	munmap(p, 4 * PAGE);
	p = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TRY(madvise(p, PAGE, MADV_REMOVE));
	munmap(p, PAGE);
}

// What MADV_POPULATE_* asks for is the right itself: pages that can be written
// can be read on amd64, but not populated for reading.
static void test_populate(void)
{
	static const int prots[] = {PROT_NONE, PROT_READ, PROT_WRITE, RW, PROT_EXEC};
	say("# populate");
	for (unsigned i = 0; i < sizeof prots / sizeof *prots; i++) {
		char *p = mmap(0, 2 * PAGE, prots[i], ANON, -1, 0);
		must(p != MAP_FAILED);
		say("protection %d", prots[i]);
		TRY(madvise(p, 2 * PAGE, 22 /* MADV_POPULATE_READ */));
		TRY(madvise(p, 2 * PAGE, 23 /* MADV_POPULATE_WRITE */));
		must(munmap(p, 2 * PAGE) == 0);
	}
}

static void test_mincore(void)
{
	say("# mincore");
	char *p = pages(4);
	unsigned char present[4];
	TRY(mincore(p, 4 * PAGE, present));
	say("fresh: %d %d %d %d", present[0] & 1, present[1] & 1, present[2] & 1, present[3] & 1);
	p[0] = p[2 * PAGE] = 1;
	TRY(mincore(p, 4 * PAGE, present));
	say("touched: %d %d %d %d", present[0] & 1, present[1] & 1, present[2] & 1, present[3] & 1);
	must(madvise(p, 4 * PAGE, MADV_DONTNEED) == 0);
	TRY(mincore(p, 4 * PAGE, present));
	say("given back: %d %d %d %d", present[0] & 1, present[1] & 1, present[2] & 1, present[3] & 1);
}

// The last page of the program's data: what the file has behind the data is
// cleared at the start, and there again when the page is read anew
// (load_elf_binary and padzero of fs/binfmt_elf.c).
static char data_to_lose[100] = "as in the file", more_to_lose[2 * PAGE];
extern char edata[];

static void test_data_page(void)
{
	static unsigned char page[PAGE], kept[PAGE];
	unsigned char *at = (unsigned char *)((uintptr_t)edata & -PAGE);
	long used = (unsigned char *)edata - at, behind = 0;
	must(used && more_to_lose[0] == 0 && data_to_lose[0] == 'a');
	say("# the page where the data ends");
	memcpy(kept, at, PAGE);
	long r = syscall(SYS_madvise, at, PAGE, MADV_DONTNEED);
	for (long i = 0; i < PAGE; i++)
		page[i] = ((volatile unsigned char *)at)[i];
	memcpy(at, kept, PAGE);
	for (long i = used; i < PAGE; i++)
		behind += page[i] != 0;
	say("madvise: %ld, then %ld bytes of the file behind the data", r, behind);
}

static void test_files(void)
{
	say("# mmap of a file");
	int fd = open("/tmp/map", O_RDWR | O_CREAT | O_TRUNC, 0600);
	must(fd >= 0);
	static char text[PAGE + 1000];
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = 'a' + i % 26;
	must(write(fd, text, sizeof text) == sizeof text);
	char *p = mmap(0, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
	IS(p != MAP_FAILED);
	IS(memcmp(p, text, sizeof text) == 0);
	IS(all(p + sizeof text, PAGE - 1000, 0));
	IS(readable(p + 2 * PAGE - 1));
	IS(readable(p + 2 * PAGE));
	p[0] = 'X';
	p[PAGE] = 'Y';
	char back[2];
	TRY(pread(fd, back, 1, 0));
	TRY(pread(fd, back + 1, 1, PAGE));
	IS(back[0] == text[0] && back[1] == text[PAGE]);
	TRY(madvise(p, PAGE, MADV_DONTNEED));
	IS(p[0] == text[0] && p[PAGE] == 'Y');
	char *second = mmap(0, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
	IS(second != MAP_FAILED && memcmp(second, text + PAGE, 1000) == 0);
	char *shared = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	IS(shared != MAP_FAILED && memcmp(shared, text, PAGE) == 0);
	OK(mmap(0, PAGE, RW, MAP_SHARED, fd, 0));
	OK(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, fd, 1));
	OK(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, fd, 64 * PAGE));
	OK(mmap(0, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
	IS(mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == p + PAGE);
	IS(memcmp(p + PAGE, text, PAGE) == 0);
	int wronly = open("/tmp/map", O_WRONLY);
	int rdonly = open("/tmp/map", O_RDONLY);
	OK(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, wronly, 0));
	OK(mmap(0, PAGE, PROT_WRITE, MAP_PRIVATE, wronly, 0));
	OK(mmap(0, PAGE, RW, MAP_PRIVATE, rdonly, 0));
	OK(mmap(0, PAGE, RW, MAP_SHARED, rdonly, 0));
	int folder = open("/tmp", O_RDONLY | O_DIRECTORY);
	OK(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, folder, 0));
	int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR);
	OK(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, null, 0));
	char *z = mmap(0, PAGE, RW, MAP_PRIVATE, zero, 0);
	IS(z != MAP_FAILED && all(z, PAGE, 0));
	int pipes[2];
	must(pipe(pipes) == 0);
	OK(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, pipes[0], 0));
	// The map outlives the descriptor and the name.
	close(fd);
	close(wronly);
	close(rdonly);
	TRY(unlink("/tmp/map"));
	IS(second[999] == text[PAGE + 999]);
	IS(shared[77] == text[77]);
	IS(memcmp(p + 1, text + 1, PAGE - 1) == 0);
	int in = open("/in/text", O_RDONLY);
	char *m = mmap(0, PAGE, PROT_READ, MAP_PRIVATE, in, 0);
	close(in);
	IS(m != MAP_FAILED && memcmp(m, "The first line", 14) == 0);
}

static void test_malloc(void)
{
	say("# malloc");
	enum { N = 300 };
	static unsigned char *block[N];
	static size_t size[N];
	unsigned long random = 12345, total = 0;
	for (int round = 0; round < 5000; round++) {
		random = random * 6364136223846793005UL + 1442695040888963407UL;
		int i = (random >> 33) % N;
		size_t n = 1 + (random >> 40) % 9000;
		if (round % 50 == 0)
			n *= 40;
		for (size_t k = 0; block[i] && k < size[i]; k += 97)
			must(block[i][k] == (unsigned char)(i + k));
		block[i] = realloc(block[i], n);
		must(block[i]);
		size[i] = n;
		for (size_t k = 0; k < n; k += 97)
			block[i][k] = (unsigned char)(i + k);
		total += n;
		if (round % 7 == 0) {
			free(block[i]);
			block[i] = 0;
		}
	}
	say("5000 blocks, %lu bytes", total);
	for (int i = 0; i < N; i++)
		free(block[i]);
	char *zero = calloc(3 << 20, 1);
	IS(zero && all(zero, 3 << 20, 0));
	free(zero);
	void *aligned = 0;
	TRY(posix_memalign(&aligned, 1 << 16, 100));
	IS(((uintptr_t)aligned & 0xffff) == 0);
	free(aligned);
	volatile size_t absurd = (size_t)1 << 60;
	IS(malloc(absurd) == 0 && errno == ENOMEM);
}

int main(void)
{
	test_brk();
	test_mmap();
	test_munmap();
	test_mprotect();
	test_mremap();
	test_madvise();
	test_madvise_shared();
	test_populate();
	test_mincore();
	test_data_page();
	test_files();
	test_malloc();
	return 0;
}
