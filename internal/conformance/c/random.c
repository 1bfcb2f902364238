// random: getrandom and what hands out its bytes.
#include "facts.h"
#include <elf.h>
#include <sys/auxv.h>

static unsigned char a[1 << 16], b[1 << 16];

static int spread(const unsigned char *p, int n)
{
	int count[256] = {0}, seen = 0;
	for (int i = 0; i < n; i++)
		if (count[p[i]]++ == 0)
			seen++;
	return seen;
}

int main(void)
{
	TRY(syscall(SYS_getrandom, a, 256, 0));
	TRY(syscall(SYS_getrandom, b, 256, 0));
	IS(memcmp(a, b, 256) != 0);
	TRY(syscall(SYS_getrandom, a, sizeof a, 0));
	IS(spread(a, sizeof a) == 256);
	TRY(syscall(SYS_getrandom, a, 0, 0));
	TRY(syscall(SYS_getrandom, a, 16, 1 /* NONBLOCK */));
	TRY(syscall(SYS_getrandom, a, 16, 2 /* RANDOM */));
	TRY(syscall(SYS_getrandom, a, 16, 4 /* INSECURE */));
	TRY(syscall(SYS_getrandom, a, 16, 3));
	TRY(syscall(SYS_getrandom, a, 16, 6));
	TRY(syscall(SYS_getrandom, a, 16, 8));
	TRY(syscall(SYS_getrandom, a, 16, -1));
	TRY(syscall(SYS_getrandom, 8, 16, 0));
	TRY(syscall(SYS_getrandom, 8, 0, 0));
	TRY(syscall(SYS_getrandom, 0x1234567812345678, 16, 0));
	long page = (long)mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(munmap((void *)(page + PAGE), PAGE) == 0);
	TRY(syscall(SYS_getrandom, page + PAGE - 100, 200, 0));
	TRY(syscall(SYS_getrandom, page + PAGE, 200, 0));
	TRY(getentropy(a, 256));
	TRY(getentropy(a, 257));
	int fd = open("/dev/urandom", O_RDONLY);
	TRY(read(fd, a, 4096));
	TRY(read(fd, b, 4096));
	IS(memcmp(a, b, 4096) != 0);
	IS(spread(a, 4096) > 250);
	const unsigned char *r = (const unsigned char *)getauxval(AT_RANDOM);
	IS(r && spread(r, 16) > 4);
	return 0;
}
