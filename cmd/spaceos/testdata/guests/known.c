// Does things that the report can be held against: known WHAT [NUMBER].
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static char block[10000];

static void copy(const char *from, int fd)
{
	int in = open(from, O_RDONLY);
	ssize_t n;
	while ((n = read(in, block, sizeof block)) > 0)
		write(fd, block, n);
	close(in);
}

// Files: 5000 bytes from /in, 3000 from /app, 700 from /data; all of it to
// /out, 8 bytes to /tmp, 11 to standard output, 6 to standard error.
static void files(void)
{
	int out = open("/out/copy", O_WRONLY | O_CREAT, 0644);
	copy("/in/a", out);
	copy("/app/model", out);
	copy("/data/state", out);
	close(out);
	int tmp = open("/tmp/x", O_WRONLY | O_CREAT, 0600);
	write(tmp, "scratch\n", 8);
	write(1, "to stdout!\n", 11);
	write(2, "errors", 6);
}

static void calls(long number)
{
	for (long i = 0; i < number; i++)
		syscall(SYS_getppid);
	for (int i = 0; i < 3; i++)
		syscall(SYS_io_uring_setup, 0, 0);
	syscall(SYS_clone3, 0, 0);
	syscall(999);
}

// Touches pages of 512, each so many behind the last one.
static void touch(long pages, long stride)
{
	// Less than 4 MiB, so that pages stay small.
	char *p = mmap(0, 512 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (long i = 0; i < pages; i++)
		p[i * stride % 512 * 4096] = 1;
}

// Touches a byte of each 2 MiB in so many maps of 40 MiB.
static void sparse(long maps)
{
	for (; maps > 0; maps--) {
		char *p = mmap(0, 40 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (long at = 0; at < 40 << 20; at += 2 << 20)
			p[at] = 1;
	}
}

// Fills so many pages and gives them back.
static void gone(long pages)
{
	char *p = mmap(0, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, pages * 4096);
	munmap(p, pages * 4096);
}

// Copies standard input, a file, out of a map of it.
static void map(void)
{
	char *p = mmap(0, 4096, PROT_READ, MAP_PRIVATE, 0, 0);
	if (p == MAP_FAILED)
		perror("mmap");
	else
		write(1, p, lseek(0, 0, SEEK_END));
}

// Computes without a call, for so many millions of steps.
static void compute(long millions)
{
	for (volatile long i = 0; i < millions * 1000000; i++)
		;
}

// Faults with known registers.
static void fault(void)
{
	__asm__ volatile("mov $0x1111, %%rbx; mov $0x2222, %%r12; mov $0x123456789000, %%rax\n"
	                 ".global faulting\nfaulting: movb $1, 5(%%rax)"
	                 : : : "rbx", "r12", "rax", "memory");
}

extern char faulting[];

int main(int argc, char **argv)
{
	long number = argc > 2 ? atol(argv[2]) : 0;
	if (!strcmp(argv[1], "files"))
		files();
	else if (!strcmp(argv[1], "calls"))
		calls(number);
	else if (!strcmp(argv[1], "touch"))
		touch(number, atol(argv[3]));
	else if (!strcmp(argv[1], "sparse"))
		sparse(number);
	else if (!strcmp(argv[1], "gone"))
		gone(number);
	else if (!strcmp(argv[1], "map"))
		map();
	else if (!strcmp(argv[1], "compute"))
		compute(number);
	else if (!strcmp(argv[1], "sleep"))
		usleep(number * 1000);
	else if (!strcmp(argv[1], "fault")) {
		printf("%#018lx\n", (unsigned long)faulting);
		fflush(stdout);
		fault();
	}
	return 0;
}
