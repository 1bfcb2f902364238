// repeat: prints what no other program here prints, since it differs between
// two honest machines: times, addresses, inode numbers, random numbers, the
// order of folders, what memory is left. With a seed and a clock that stands
// still a cell must show all of it the same in every run.
#include "facts.h"
#include <dirent.h>
#include <elf.h>
#include <poll.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <time.h>

static void dump(const char *what, const void *bytes, size_t n)
{
	char text[1200] = "";
	for (size_t i = 0; i < n && i < 500; i++)
		sprintf(text + 2 * i, "%02x", ((const unsigned char *)bytes)[i]);
	say("%s %s", what, text);
}

static void clocks(const char *when)
{
	struct timespec t;
	for (int i = 0; i < 12; i++)
		if (syscall(SYS_clock_gettime, i, &t) == 0)
			say("%s: clock %d: %ld.%09ld", when, i, (long)t.tv_sec, t.tv_nsec);
	struct timeval v;
	gettimeofday(&v, 0);
	say("%s: time of day %ld.%06ld, time %ld, clock %ld", when, (long)v.tv_sec, (long)v.tv_usec, (long)time(0), (long)clock());
	struct tms tms = {0};
	long ticks = times(&tms);
	say("%s: times %ld %ld %ld", when, ticks, (long)tms.tms_utime, (long)tms.tms_stime);
	struct rusage usage;
	syscall(SYS_getrusage, 0, &usage);
	dump("rusage", &usage, sizeof usage);
	struct sysinfo info;
	syscall(SYS_sysinfo, &info);
	dump("sysinfo", &info, sizeof info);
}

static void look(const char *path)
{
	struct stat s;
	if (lstat(path, &s) != 0) {
		say("%s: %s", path, errno_name(errno));
		return;
	}
	say("%s: device %lx inode %ld mode %o links %ld size %ld blocks %ld of %ld times %ld.%09ld %ld.%09ld %ld.%09ld", path,
	    (long)s.st_dev, (long)s.st_ino, s.st_mode, (long)s.st_nlink, (long)s.st_size, (long)s.st_blocks, (long)s.st_blksize,
	    (long)s.st_atim.tv_sec, s.st_atim.tv_nsec, (long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec, (long)s.st_ctim.tv_sec, s.st_ctim.tv_nsec);
}

static void content(const char *path)
{
	char text[1500];
	int fd = open(path, O_RDONLY);
	for (long n; (n = read(fd, text, sizeof text - 1)) > 0;) {
		text[n] = 0;
		say("%s has\n%s", path, text);
	}
	close(fd);
}

static void walk(const char *path)
{
	char below[4096];
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));) {
		say("%s has %s, inode %ld, type %d, at %ld", path, e->d_name, (long)e->d_ino, e->d_type, (long)e->d_off);
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(below, sizeof below, "%s/%s", path, e->d_name);
		look(below);
		if (e->d_type == DT_DIR)
			walk(below);
		else if (strncmp(below, "//proc/self/exe", 15) != 0 && (strncmp(below, "//proc", 6) == 0 || strncmp(below, "//sys", 5) == 0 || strncmp(below, "//etc", 5) == 0))
			content(below);
	}
	if (d)
		closedir(d);
}

static void store(const char *path, const char *text, int flags)
{
	int fd = open(path, O_WRONLY | O_CREAT | flags, 0644);
	write(fd, text, strlen(text));
	look(path);
	write(fd, text, strlen(text));
	close(fd);
}

static void change(const char *folder)
{
	struct timespec rest = {1, 250000000}, none = {0, 1};
	char path[100], other[100];
	snprintf(path, sizeof path, "%s/made", folder);
	snprintf(other, sizeof other, "%s/renamed", folder);
	store(path, "some text\n", 0);
	look(folder);
	nanosleep(&rest, 0);
	look(path);
	store(path, "more text\n", O_APPEND);
	nanosleep(&none, 0);
	look(path);
	utimensat(AT_FDCWD, path, 0, 0);
	look(path);
	nanosleep(&rest, 0);
	rename(path, other);
	chmod(other, 0600);
	look(other);
	truncate(other, 3);
	nanosleep(&rest, 0);
	look(other);
	content(other);
	snprintf(path, sizeof path, "%s/folder", folder);
	mkdir(path, 0755);
	look(path);
	look(folder);
	struct statfs fs;
	statfs(folder, &fs);
	dump(folder, &fs, sizeof fs);
}

static void places(char **argv)
{
	static int data;
	int local;
	say("text %p data %p stack %p heap %p map %p break %p arguments %p", (void *)places, (void *)&data, (void *)&local,
	    malloc(100000), mmap(0, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), sbrk(0), (void *)argv);
	for (unsigned long i = 3; i < 52; i++)
		say("auxiliary %lu: %lx", i, getauxval(i));
	dump("AT_RANDOM", (void *)getauxval(AT_RANDOM), 16);
	char bytes[100];
	syscall(SYS_getrandom, bytes, sizeof bytes, 0);
	dump("getrandom", bytes, sizeof bytes);
	int fd = open("/dev/urandom", O_RDONLY);
	read(fd, bytes, sizeof bytes);
	close(fd);
	dump("/dev/urandom", bytes, sizeof bytes);
}

static void process(void)
{
	say("process %ld %ld %ld %ld %ld", (long)getpid(), (long)getppid(), syscall(SYS_gettid), (long)getpgrp(), (long)getsid(0));
	struct utsname name;
	uname(&name);
	dump("uname", &name, sizeof name);
	char mask[128] = {0};
	say("affinity %ld", syscall(SYS_sched_getaffinity, 0, sizeof mask, mask));
	dump("affinity", mask, sizeof mask);
	unsigned cpu = 7, node = 7;
	syscall(SYS_getcpu, &cpu, &node, 0);
	say("processor %u of node %u", cpu, node);
	for (int i = 0; i < 3; i++) {
		struct stat s;
		if (fstat(i, &s) == 0)
			dump("stream", &s, sizeof s);
	}
	say("poll %d", poll(0, 0, 300));
}

// cycles prints what the processor itself tells of time.
static void cycles(void)
{
	unsigned low, high, id = 0;
	for (int i = 0; i < 3; i++) {
		__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
		say("rdtsc %u %u", high, low);
		usleep(1000);
	}
	__asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(id));
	say("rdtscp %u %u %u", high, low, id);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		cycles();
		return 0;
	}
	clocks("first");
	places(argv);
	process();
	walk("/");
	change("/out");
	change("/data");
	change("/tmp");
	walk("/");
	clocks("last");
	return 0;
}
