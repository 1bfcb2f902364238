// bombs: a program that takes as much as it gets of one thing. On Linux these
// are the machine's to bear; a cell ends them by a limit of its own.
#include "attack.h"
#include <dirent.h>
#include <poll.h>
#include <sys/uio.h>

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define LAZY (ANON | MAP_NORESERVE)
static char block[1 << 20];

static void loop(void) { __asm__ volatile("1: jmp 1b"); }
static void loop_of_calls(void) { __asm__ volatile("1: mov $39, %eax; syscall; jmp 1b"); }
static void loop_of_no_calls(void) { __asm__ volatile("1: mov $100000, %eax; syscall; jmp 1b"); }
static void loop_of_faults(void)
{
	for (;;) {
		char *p = mmap(0, PAGE, 3, ANON, -1, 0);
		*(volatile char *)p = 1;
		munmap(p, PAGE);
	}
}
static void loop_of_signals(void) { for (;;) raise(SIGCHLD); }
static void segv_again(int sig) {}
static void loop_of_segv(void)
{
	struct sigaction a = {.sa_handler = segv_again, .sa_flags = SA_NODEFER};
	sigaction(SIGSEGV, &a, 0);
	*(volatile char *)1 = 1;
}
static void nest_signals(int sig) { *(volatile char *)1 = 1; }
static void signals_without_end(void)
{
	struct sigaction a = {.sa_handler = nest_signals, .sa_flags = SA_NODEFER};
	sigaction(SIGSEGV, &a, 0);
	*(volatile char *)1 = 1;
}
static void loop_of_opens(void) { for (;;) close(open("/tmp/x", O_RDWR | O_CREAT, 0600)); }
static void loop_of_sleeps(void) { for (;;) usleep(1); }
static void loop_of_polls(void) { for (;;) poll(0, 0, 0); }
static void stdout_without_end(void) { for (;;) write(1, block, sizeof block); }
static void stderr_without_end(void) { for (;;) write(2, block, sizeof block); }
static void stdout_by_bytes(void) { for (;;) write(1, "x", 1); }
static void stdout_by_vectors(void)
{
	struct iovec v[1024];
	for (int i = 0; i < 1024; i++)
		v[i] = (struct iovec){block, sizeof block};
	for (;;)
		writev(1, v, 1024);
}
static void traced(void)
{
	memset(block, 'x', sizeof block - 1);
	for (;;) {
		open(block, 0);
		write(-1, block, sizeof block);
	}
}

// Each says how it was stopped, if it was not killed.
static const char *fill(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	must(fd >= 0);
	while (write(fd, block, sizeof block) > 0)
		;
	return errno_name(errno);
}
static void file_in_tmp(void) { say("%s", fill("/tmp/big")); }
static void file_in_out(void) { say("%s", fill("/out/big")); }
static void file_in_data(void) { say("%s", fill("/data/big")); }
static void sparse(void)
{
	int fd = open("/out/sparse", O_RDWR | O_CREAT, 0600);
	say("%s", ftruncate(fd, 1l << 62) == 0 ? "as large as it wants" : errno_name(errno));
	say("%s", pwrite(fd, "x", 1, 1l << 40) == 1 ? "as far as it wants" : errno_name(errno));
	say("%s", fallocate(fd, 0, 0, 1l << 40) == 0 ? "as much as it wants" : errno_name(errno));
}
static void million_files(void)
{
	char name[64];
	int i;
	for (i = 0; i < 1000000; i++) {
		snprintf(name, sizeof name, "/out/%d", i);
		int fd = open(name, O_WRONLY | O_CREAT, 0600);
		if (fd < 0)
			break;
		close(fd);
	}
	say("%s, %s", i < 1000000 ? "stopped" : "a million", errno_name(errno));
}
static void million_files_in_tmp(void)
{
	char name[64];
	int i;
	for (i = 0; i < 1000000; i++) {
		snprintf(name, sizeof name, "/tmp/%d", i);
		int fd = open(name, O_WRONLY | O_CREAT, 0600);
		if (fd < 0)
			break;
		close(fd);
	}
	say("%s, %s", i < 1000000 ? "stopped" : "a million", errno_name(errno));
}
static void deep_folders(void)
{
	long i;
	must(chdir("/tmp") == 0);
	for (i = 0; i < 1000000; i++)
		if (mkdir("d", 0700) != 0 || chdir("d") != 0)
			break;
	say("%s, %s", i < 1000000 ? "stopped" : "a million", errno_name(errno));
}
static void descriptors(void)
{
	long n = 0;
	while (dup(1) >= 0)
		n++;
	say("%s", errno_name(errno));
}
static void pipes(void)
{
	int p[2];
	while (pipe(p) == 0)
		if (fcntl(p[1], F_SETPIPE_SZ, 1 << 20) > 0 || 1) {
			fcntl(p[1], F_SETFL, O_NONBLOCK);
			while (write(p[1], block, sizeof block) > 0)
				;
		}
	say("%s", errno_name(errno));
}
static void memory(void) { for (;;) memset(mmap(0, sizeof block, 3, ANON, -1, 0), 1, sizeof block); }
static void memory_in_one(void) { memset(mmap(0, 1ul << 40, 3, LAZY, -1, 0), 1, 1ul << 40); }
static void memory_by_break(void)
{
	char *p = (char *)syscall(SYS_brk, 0);
	for (; syscall(SYS_brk, p + PAGE) == (long)p + PAGE; p += PAGE)
		p[PAGE - 1] = 1;
}
static void memory_by_call(void)
{
	char *p = mmap(0, 1ul << 40, 3, LAZY, -1, 0);
	int fd = open("/dev/zero", O_RDONLY);
	for (;; p += 1 << 30)
		read(fd, p, 1 << 30);
}
static void tables_2m(void)
{
	for (unsigned long at = 1ul << 32; at < 1ul << 46; at += 1ul << 40) {
		char *p = mmap((void *)at, 1ul << 40, 3, LAZY | MAP_FIXED, -1, 0);
		must(p != MAP_FAILED);
		for (unsigned long i = 0; i < 1ul << 40; i += 2 << 20)
			*(volatile char *)(p + i) = 1;
	}
}
static void tables_1g(void)
{
	for (int pass = 0; pass < 512; pass++)
		for (unsigned long at = 1ul << 32; at < 1ul << 46; at += 1ul << 30) {
			char *p = mmap((void *)(at + pass * (2 << 20)), PAGE, 3, ANON | MAP_FIXED, -1, 0);
			if (p == MAP_FAILED) {
				say("%s", errno_name(errno));
				return;
			}
			*(volatile char *)p = 1;
		}
}
static void tables_unmapped(void)
{
	// A table stays when its pages go: to fill the room with tables alone.
	for (unsigned long at = 1ul << 32; at < 1ul << 46; at += 2 << 20) {
		char *p = mmap((void *)at, PAGE, 3, ANON | MAP_FIXED, -1, 0);
		must(p != MAP_FAILED);
		*(volatile char *)p = 1;
		munmap(p, PAGE);
	}
}
static void remaps(void)
{
	char *p = mmap(0, PAGE, 3, ANON, -1, 0);
	for (long i = 0; i < 3000; i++) {
		p = mremap(p, PAGE * (1 + i % 7), PAGE * (1 + (i + 1) % 7), 1);
		must(p != MAP_FAILED);
		p[0] = 1;
	}
}
static void breaks(void)
{
	char *p = (char *)syscall(SYS_brk, 0);
	for (long i = 0; i < 3000; i++) {
		must(syscall(SYS_brk, p + i % 97 * 5000) == (long)p + i % 97 * 5000);
		if (i % 97)
			p[i % 97 * 5000 - 1] = 1;
	}
}
static void protections(void)
{
	char *p = mmap(0, 1024 * PAGE, 3, ANON, -1, 0);
	for (long i = 0; i < 3000; i++) {
		must(mprotect(p + i * 7 % 1024 * PAGE, PAGE, i % 3) == 0);
		if (i % 3 == 2)
			p[i * 7 % 1024 * PAGE] = 1;
	}
}
static void huge_and_small(void)
{
	for (int i = 0; i < 200; i++) {
		char *p = mmap((void *)0x40000000, 8 << 20, 3, ANON | MAP_FIXED, -1, 0);
		must(p != MAP_FAILED);
		p[i << 12] = 1;
		munmap(p + (4 << 20) + i * PAGE, PAGE);
		mprotect(p + (2 << 20), PAGE * i, 1);
		mremap(p + (6 << 20), PAGE * 16, PAGE * 16, 3, 0x60000000 + i * PAGE * 16);
	}
}
static void long_names(void)
{
	memset(block, 'n', 65536);
	block[65536] = 0;
	for (int i = 0; i < 200; i++)
		open(block, O_CREAT, 0600);
	say("%s", errno_name(errno));
}
static void list_while_removed(void)
{
	char name[64];
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "/tmp/%d", i);
		close(open(name, O_CREAT, 0600));
	}
	DIR *d;
	struct dirent *e;
	for (int pass = 0; pass < 3; pass++) {
		must((d = opendir("/tmp")));
		for (seen = 0; (e = readdir(d));) {
			snprintf(name, sizeof name, "/tmp/%s", e->d_name);
			if (e->d_name[0] != '.' && ++seen)
				unlink(name);
		}
		closedir(d);
	}
}

TABLE({"loop", loop}, {"loop_cpu", loop}, {"loop_of_calls", loop_of_calls}, {"loop_of_no_calls", loop_of_no_calls}, {"loop_of_faults", loop_of_faults},
	{"loop_of_signals", loop_of_signals}, {"loop_of_segv", loop_of_segv}, {"signals_without_end", signals_without_end}, {"loop_of_opens", loop_of_opens}, {"loop_of_sleeps", loop_of_sleeps}, {"loop_of_polls", loop_of_polls},
	{"stdout_without_end", stdout_without_end}, {"stderr_without_end", stderr_without_end}, {"stdout_by_bytes", stdout_by_bytes}, {"stdout_by_vectors", stdout_by_vectors}, {"traced", traced},
	{"file_in_tmp", file_in_tmp}, {"file_in_out", file_in_out}, {"file_in_data", file_in_data}, {"sparse", sparse}, {"million_files", million_files}, {"million_files_in_tmp", million_files_in_tmp}, {"deep_folders", deep_folders},
	{"descriptors", descriptors}, {"pipes", pipes}, {"memory", memory}, {"memory_in_one", memory_in_one}, {"memory_by_break", memory_by_break}, {"memory_by_call", memory_by_call},
	{"tables_2m", tables_2m}, {"tables_1g", tables_1g}, {"tables_unmapped", tables_unmapped}, {"remaps", remaps}, {"breaks", breaks}, {"protections", protections},
	{"huge_and_small", huge_and_small}, {"long_names", long_names}, {"list_while_removed", list_while_removed})
