// What the world says: world env | args | random | clock | fill.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static void hex(const char *name, const unsigned char *b)
{
	printf("%s ", name);
	for (int i = 0; i < 16; i++)
		printf("%02x", b[i]);
	printf("\n");
}

static void random_bytes(void)
{
	unsigned char b[16];
	hex("AT_RANDOM", (unsigned char *)getauxval(AT_RANDOM));
	if (getrandom(b, sizeof b, 0) == sizeof b)
		hex("getrandom", b);
	int fd = open("/dev/urandom", O_RDONLY);
	if (read(fd, b, sizeof b) == sizeof b)
		hex("urandom", b);
}

static long long now(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// Sleeps for a minute; prints the world's time and how far each clock moved.
static void clocks(void)
{
	struct timespec minute = {60, 0};
	setvbuf(stdout, 0, _IOLBF, 0);
	long long real = now(CLOCK_REALTIME), mono = now(CLOCK_MONOTONIC);
	printf("start %lld\n", real);
	for (volatile int i = 0; i < 1000000; i++)
		;
	printf("compute %lld %lld\n", now(CLOCK_REALTIME) - real, now(CLOCK_MONOTONIC) - mono);
	if (nanosleep(&minute, 0))
		perror("nanosleep");
	printf("sleep %lld %lld\n", now(CLOCK_REALTIME) - real, now(CLOCK_MONOTONIC) - mono);
}

// Writes to a file until there is no room; prints what each write gave.
static void fill(const char *path, size_t size)
{
	char *block = calloc(1, size);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0) {
		printf("open: %s\n", strerror(errno));
		return;
	}
	long total = 0;
	for (int i = 0; i < 64; i++) {
		ssize_t n = write(fd, block, size);
		if (n < 0) {
			printf("%ld bytes, then %s\n", total, strerror(errno));
			return;
		}
		if ((size_t)n < size)
			printf("a partial write\n");
		total += n;
	}
	printf("%ld bytes, no end\n", total);
}

int main(int argc, char **argv, char **envp)
{
	if (!strcmp(argv[1], "env"))
		for (; *envp; envp++)
			puts(*envp);
	if (!strcmp(argv[1], "args"))
		for (; *argv; argv++)
			puts(*argv);
	else if (!strcmp(argv[1], "random"))
		random_bytes();
	else if (!strcmp(argv[1], "clock"))
		clocks();
	else if (!strcmp(argv[1], "fill"))
		fill(argv[2], atol(argv[3]));
	return 0;
}
