// calls: numbers that are no call's, and lengths and counts of every size.
#include "attack.h"

static char text[PAGE] __attribute__((aligned(4096)));

// Numbers that Linux does not have, and registers of which it takes half.
static void wild_numbers(void)
{
	static const unsigned long numbers[] = {-1ul, 1ul << 63, 1ul << 31, 0x7fffffff, 0x40000000, 0x40000027, 470, 512, 547, 1000, 100000, 0xffffffff, 0xdeadbeefdeadbeef};
	for (size_t i = 0; i < LEN(numbers); i++) {
		errno = 0;
		say("%lx: %s", numbers[i], syscall(numbers[i], 1, 2, 3, 4, 5, 6) == -1 ? errno_name(errno) : "worked");
	}
}
static void half_number(void) { seen = syscall(0xffffffff00000027) != getpid(); }
static void vectors(void)
{
	long v[2048];
	for (int i = 0; i < 2048; i++)
		v[i] = i % 2 ? 0x7fffffffffffffff : (long)text;
	int null = open("/dev/null", O_RDWR);
	static const long counts[] = {-1, 0, 1, 2, 1024, 1025, 1 << 30};
	for (size_t i = 0; i < LEN(counts); i++) {
		errno = 0;
		long w = syscall(SYS_writev, null, v, counts[i]);
		say("writev %ld: %ld %s", counts[i], w, w < 0 ? errno_name(errno) : "");
		long r = syscall(SYS_readv, null, v, counts[i]);
		say("readv %ld: %ld %s", counts[i], r, r < 0 ? errno_name(errno) : "");
	}
}
static void lengths(void)
{
	static const long sizes[] = {-1, 1l << 31, 1l << 32, 1l << 62, 1l << 63, -4096};
	int fd = open("/tmp/x", O_RDWR | O_CREAT, 0600);
	for (size_t i = 0; i < LEN(sizes); i++) {
#define SHOW(call) do { errno = 0; long r = (long)(call); say("%s %lx: %ld %s", #call, sizes[i], r, r < 0 ? errno_name(errno) : ""); } while (0)
		SHOW(syscall(SYS_read, fd, text, sizes[i]));
		SHOW(syscall(SYS_pread64, fd, text, sizes[i], 0));
		SHOW(syscall(SYS_pread64, fd, text, 10, sizes[i]));
		SHOW(syscall(SYS_getcwd, text, sizes[i]) > 0);
		SHOW(syscall(SYS_readlink, "/proc/self/exe", text, sizes[i]) > 0);
		SHOW(syscall(SYS_poll, text, sizes[i], 0));
		SHOW(syscall(SYS_getgroups, sizes[i], text));
		syscall(SYS_ftruncate, fd, 0);
	}
}

TABLE({"wild_numbers", wild_numbers}, {"half_number", half_number}, {"vectors", vectors}, {"lengths", lengths})
