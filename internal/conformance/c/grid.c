// grid.c: makes the calls of a list and prints what each returned.
//
// The list is /in/cases, one call a line (internal/conformance/grid.go writes
// it): number, kind of result, what to make anew after a success, six
// arguments, and the text to print. An argument is hexadecimal; what stands
// behind an s is added to this process's own id, behind an S to its negative,
// behind a B to the end of the heap. /in/image is what the pages of data hold at the start of each
// line. The only argument is the folder that the files of the calls lie in.
//
// Nothing of the C library stands between a line and the kernel, and nothing
// of it is used between two lines but memcpy and its like: a line may have
// taken the thread's own memory (FS) away.
#include "facts.h"
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#ifndef ARCH_SET_FS
#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#endif

// The arena: gridarena.go names these pages.
#define ARENA 0x2000000000UL
#define AT(page) (ARENA + (page) * PAGE)
#define DATA AT(2)
#define DATA_PAGES 8
#define OUTPUT 1000 // standard output's second number; beyond what is closed
#define INPUT 1001

static char image[DATA_PAGES * PAGE];
static char target[4 * PAGE];
static char list[8 << 20];
static char out[1 << 14];
static size_t filled;
static const char *root;
static long self, brk0, fs0;

static long raw(long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e, unsigned long f)
{
	register unsigned long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long ret;
	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#define CALL3(nr, a, b, c) raw(nr, (unsigned long)(a), (unsigned long)(b), (unsigned long)(c), 0, 0, 0)
#define CALL4(nr, a, b, c, d) raw(nr, (unsigned long)(a), (unsigned long)(b), (unsigned long)(c), (unsigned long)(d), 0, 0)

static void flush(void)
{
	for (size_t done = 0; done < filled;) {
		long n = CALL3(SYS_write, OUTPUT, out + done, filled - done);
		if (n <= 0)
			CALL3(SYS_exit_group, 96, 0, 0);
		done += n;
	}
	filled = 0;
}

static void text(const char *s, size_t n)
{
	if (filled + n > sizeof out)
		flush();
	memcpy(out + filled, s, n);
	filled += n;
}

static void word(const char *s)
{
	text(s, strlen(s));
}

static void number(long v)
{
	char digits[24], *p = digits + sizeof digits;
	unsigned long u = v < 0 ? -(unsigned long)v : v;
	do
		*--p = '0' + u % 10;
	while (u /= 10);
	if (v < 0)
		*--p = '-';
	text(p, digits + sizeof digits - p);
}

// made gives up when a state cannot be made; every later line would be wrong.
static long made(int line, long ret)
{
	if (ret < 0) {
		word("cannot go on, line ");
		number(line);
		word(": ");
		number(ret);
		word("\n");
		flush();
		CALL3(SYS_exit_group, 97, 0, 0);
	}
	return ret;
}
#define MADE(ret) made(__LINE__, ret)

static long open_at(const char *path, long flags, int fd)
{
	long got = MADE(CALL3(SYS_open, path, flags, 0644));
	if (got == fd)
		return fd;
	MADE(CALL3(SYS_dup2, got, fd, 0));
	return CALL3(SYS_close, got, 0, 0);
}

// empty removes all below a folder.
static void empty(const char *path)
{
	char entries[2048], name[1024];
	long fd = MADE(CALL3(SYS_open, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0));
	for (int again = 1; again;) {
		again = 0;
		long n = MADE(CALL3(SYS_getdents64, fd, entries, sizeof entries));
		for (char *e = entries; e < entries + n; e += *(unsigned short *)(e + 16)) {
			if (strcmp(e + 19, ".") == 0 || strcmp(e + 19, "..") == 0)
				continue;
			strcpy(name, path);
			strcat(name, "/");
			strcat(name, e + 19);
			again = 1;
			if (CALL3(SYS_unlink, name, 0, 0) >= 0)
				continue;
			empty(name);
			MADE(CALL3(SYS_rmdir, name, 0, 0));
		}
		if (again)
			MADE(CALL3(SYS_lseek, fd, 0, 0));
	}
	CALL3(SYS_close, fd, 0, 0);
}

static const char content[] = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr";

static void make_files(void)
{
	MADE(CALL3(SYS_chdir, root, 0, 0));
	MADE(CALL3(SYS_chmod, root, 0755, 0));
	empty(".");
	MADE(CALL3(SYS_mkdir, "dir", 0755, 0));
	MADE(CALL3(SYS_mkdir, "full", 0755, 0));
	MADE(CALL3(SYS_mkdir, "full/inner", 0755, 0));
	for (int i = 0; i < 2; i++) {
		long fd = MADE(CALL3(SYS_open, i ? "other" : "file", O_WRONLY | O_CREAT | O_EXCL, 0644));
		MADE(CALL3(SYS_write, fd, content, 100 >> i));
		CALL3(SYS_close, fd, 0, 0);
	}
}

// make_fds gives each number what gridvalues.go says of it.
static void make_fds(void)
{
	int p[2];
	for (int fd = 0; fd < 3; fd++)
		MADE(CALL3(SYS_dup2, fd == 0 ? INPUT : OUTPUT, fd, 0));
	CALL3(SYS_close_range, 3, OUTPUT - 1, 0);
	CALL3(SYS_fcntl, OUTPUT, F_SETFL, 0);
	CALL3(SYS_fcntl, INPUT, F_SETFL, 0);
	open_at("file", O_RDONLY, 3);
	open_at("file", O_WRONLY, 4);
	open_at("file", O_RDWR, 5);
	open_at("other", O_WRONLY | O_APPEND, 6);
	open_at(".", O_RDONLY | O_DIRECTORY, 7);
	open_at("file", O_PATH, 8);
	open_at("/dev/null", O_RDWR, 9);
	MADE(CALL3(SYS_pipe2, p, O_NONBLOCK, 0)); // 10 and 11
	MADE(CALL3(SYS_write, p[1], image, 40));
	MADE(CALL3(SYS_pipe2, p, O_NONBLOCK, 0)); // 12 and 13
	CALL3(SYS_close, p[1], 0, 0);		  // 12: nobody writes
	MADE(CALL3(SYS_pipe2, p, O_NONBLOCK, 0)); // 13 and 14
	CALL3(SYS_dup2, p[1], 15, 0);
	CALL3(SYS_close, p[1], 0, 0);
	CALL3(SYS_close, p[0], 0, 0);
	CALL3(SYS_dup2, 15, 13, 0); // 13: nobody reads
	CALL3(SYS_close, 15, 0, 0);
	open_at("/in/text", O_RDONLY, 14);
	open_at("/etc/passwd", O_RDONLY, 15);
}

// make_contents undoes reads and writes: contents, positions and the pipe.
static void make_contents(void)
{
	char scrap[4096];
	CALL3(SYS_ftruncate, 5, 0, 0);
	MADE(CALL4(SYS_pwrite64, 5, content, 100, 0));
	CALL3(SYS_ftruncate, 6, 0, 0);
	MADE(CALL3(SYS_write, 6, content, 50)); // appends
	for (int fd = 3; fd <= 7; fd++)
		MADE(CALL3(SYS_lseek, fd, 0, SEEK_SET));
	CALL3(SYS_lseek, 14, 0, SEEK_SET);
	CALL3(SYS_lseek, 15, 0, SEEK_SET);
	while (CALL3(SYS_read, 10, scrap, sizeof scrap) > 0)
		;
	MADE(CALL3(SYS_write, 11, image, 40));
}

static void map_page(int page, int pages, int prot, int flags, int fd)
{
	MADE(raw(SYS_mmap, AT(page), pages * PAGE, prot, MAP_FIXED | MAP_PRIVATE | flags, fd, 0));
}

static void fill(void)
{
	memcpy((char *)DATA, image, sizeof image);
	memcpy((char *)AT(20), target, sizeof target);
}

static void make_memory(void)
{
	CALL3(SYS_munlockall, 0, 0, 0);
	MADE(CALL3(SYS_munmap, ARENA, 6L << 30, 0));
	map_page(2, DATA_PAGES, PROT_READ | PROT_WRITE, MAP_ANONYMOUS, -1);
	map_page(12, 1, PROT_READ | PROT_WRITE, MAP_ANONYMOUS, -1);
	memset((char *)AT(12), 0, PAGE);
	MADE(CALL3(SYS_mprotect, AT(12), PAGE, PROT_READ));
	map_page(14, 1, PROT_NONE, MAP_ANONYMOUS, -1);
	map_page(15, 1, PROT_READ | PROT_EXEC, MAP_ANONYMOUS, -1);
	long fd = MADE(CALL3(SYS_open, "/in/text", O_RDONLY, 0)); // shorter than a page
	map_page(17, 2, PROT_READ, 0, fd);
	CALL3(SYS_close, fd, 0, 0);
	map_page(20, 4, PROT_READ | PROT_WRITE, MAP_ANONYMOUS, -1);
	CALL3(SYS_brk, brk0, 0, 0);
}

// make_signals forgets what is pending and every action, and blocks all.
static void make_signals(void)
{
	unsigned long all = -1L;
	long none[3] = {0, SS_DISABLE, 0};
	unsigned long never[4] = {0};
	for (int which = 0; which < 3; which++)
		CALL3(SYS_setitimer, which, never, 0);
	MADE(CALL4(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, 8));
	for (int sig = 1; sig <= 64; sig++) {
		unsigned long action[4] = {(unsigned long)SIG_IGN, 0x04000000, 0, 0};
		CALL4(SYS_rt_sigaction, sig, action, 0, 8);
		action[0] = 0;
		CALL4(SYS_rt_sigaction, sig, action, 0, 8);
	}
	CALL3(SYS_sigaltstack, none, 0, 0);
}

static void make_process(void)
{
	CALL3(SYS_umask, 022, 0, 0);
	CALL3(SYS_personality, 0, 0, 0);
	CALL3(SYS_set_robust_list, 0, 24, 0);
	CALL3(SYS_arch_prctl, ARCH_SET_GS, 0, 0);
	CALL3(SYS_prctl, PR_SET_DUMPABLE, 1, 0);
	CALL3(SYS_prctl, PR_SET_KEEPCAPS, 0, 0);
	CALL3(SYS_prctl, PR_SET_PDEATHSIG, 0, 0);
	CALL3(SYS_prctl, PR_SET_TIMERSLACK, 0, 0);
	CALL3(SYS_prctl, PR_SET_THP_DISABLE, 0, 0);
}

static void make(const char *what)
{
	for (; *what; what++)
		switch (*what) {
		case 'f': make_files(); make_fds(); break;
		case 'd': make_fds(); break;
		case 'w': make_contents(); break;
		case 'm': make_memory(); break;
		case 's': make_signals(); break;
		case 'p': make_process(); break;
		}
}

static unsigned long hex(char **p)
{
	unsigned long v = 0;
	for (; **p != ' ' && **p != '\n'; (*p)++)
		v = v << 4 | (**p <= '9' ? **p - '0' : **p - 'a' + 10);
	(*p)++;
	return v;
}

static unsigned long argument(char **p)
{
	char kind = **p;
	if (kind != 's' && kind != 'S' && kind != 'B')
		return hex(p);
	(*p)++;
	return (kind == 's' ? self : kind == 'S' ? -self : brk0) + hex(p);
}

// changes prints a sum over what a call left in the pages of data and before
// it, none if nothing changed.
static void changes(void)
{
	unsigned char *now = (unsigned char *)DATA;
	uint64_t h = 0, n = 0;
	for (long i = 0; i < DATA_PAGES * PAGE; i++)
		if (now[i] != (unsigned char)image[i]) {
			h = (h ^ i ^ (uint64_t)now[i] << 32) * 1099511628211ULL;
			n++;
		}
	if (n == 0)
		return;
	word(", changed ");
	number(n);
	word(" bytes, ");
	number(h >> 40);
}

static void result(char kind, long ret)
{
	word(" = ");
	if (ret < 0 && ret > -4096) {
		word(errno_name(-ret));
		return;
	}
	if (kind == 'a' && (ret < ARENA || ret >= AT(32)))
		word("address");
	else if (kind == 'a') {
		word("arena+");
		number(ret - ARENA);
	} else if (kind == 't' || kind == 'T')
		word("number");
	else if (kind == 'p' && ret == self)
		word("self");
	else if (kind == 'B')
		word(ret == brk0 ? "unchanged" : "changed");
	else
		number(ret);
	if (kind >= 'a' && kind <= 'z')
		changes();
}

// line makes the call of one line.
static void line(char *p)
{
	unsigned long a[6];
	long nr = hex(&p);
	char kind = *p++, *what = ++p;
	while (*p != ' ')
		p++;
	*p++ = 0;
	for (int i = 0; i < 6; i++)
		a[i] = argument(&p);
	fill();
	long ret = raw(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (nr == SYS_timer_create && ret == 0)
		CALL3(SYS_timer_delete, *(int *)a[2], 0, 0);
	if (nr == SYS_arch_prctl)
		CALL3(SYS_arch_prctl, ARCH_SET_FS, fs0, 0);
	text(p, strchr(p, '\n') - p);
	int done = ret >= 0 || ret < -4095;
	if (done && (nr == SYS_mprotect || nr == SYS_munmap || nr == SYS_mmap || nr == SYS_mremap || nr == SYS_madvise))
		kind = kind == 'a' ? 'a' : 'V';
	if (nr == SYS_mmap && done && (ret < ARENA || ret >= ARENA + (6L << 30)))
		CALL3(SYS_munmap, ret, a[1], 0);
	if (nr == SYS_mremap && done && (ret < ARENA || ret >= ARENA + (6L << 30)))
		CALL3(SYS_munmap, ret, a[2], 0);
	int again = done || nr == SYS_mmap || nr == SYS_mremap || nr == SYS_mprotect || nr == SYS_madvise;
	if (again && strchr(what, 'm'))
		make("m"), fill();
	result(kind, ret);
	word("\n");
	if (*what == 'c' && done && ret > 15)
		CALL3(SYS_close, ret, 0, 0);
	if (done || nr == SYS_brk)
		make(what);
}

// leave_privileges makes this process what one in a cell is: root without a
// capability, but for those that let it reach files, and alone in its group.
static void leave_privileges(void)
{
	struct {
		uint32_t version, pid;
	} header = {0x20080522, 0};
	uint32_t data[6] = {0x1e, 0x1e, 0}; // DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID
	raw(SYS_setsid, 0, 0, 0, 0, 0, 0);
	raw(SYS_setgroups, 0, 0, 0, 0, 0, 0);
	// What a cell starts with; the machine's own depend on its memory.
	struct rlimit limits[] = {{1024, 4096}, {0, 0}, {1024, 1024}};
	setpriority(PRIO_PROCESS, 0, 0);
	setrlimit(RLIMIT_NOFILE, &limits[0]);
	setrlimit(RLIMIT_CORE, &limits[1]);
	setrlimit(RLIMIT_NPROC, &limits[2]);
	setrlimit(RLIMIT_SIGPENDING, &limits[2]);
	for (int i = 0; i < 64; i++)
		CALL3(SYS_prctl, PR_CAPBSET_DROP, i, 0);
	CALL3(SYS_capset, &header, data, 0);
}

int main(int argc, char **argv, char **envp)
{
	char here;
	// The lines take it that nothing lies where a cell has its system pages.
	if ((unsigned long)&here > 0x7ffffe000000)
		execve("/proc/self/exe", argv, envp);
	must(argc >= 2);
	root = argv[1];
	self = getpid();
	brk0 = raw(SYS_brk, 0, 0, 0, 0, 0, 0);
	CALL3(SYS_arch_prctl, ARCH_GET_FS, &fs0, 0);
	leave_privileges();
	CALL3(SYS_dup2, 1, OUTPUT, 0);
	CALL3(SYS_dup2, 0, INPUT, 0);
	int fd = open("/in/image", O_RDONLY);
	must(fd >= 0 && read(fd, image, sizeof image) == sizeof image);
	fd = open("/in/cases", O_RDONLY);
	must(fd >= 0);
	size_t n = 0;
	for (ssize_t got; (got = read(fd, list + n, sizeof list - 1 - n)) > 0;)
		n += got;
	must(n > 0 && n < sizeof list - 1);
	must(mkdir(root, 0755) == 0);
	memset(target, 'x', sizeof target);
	make("fmsp");
	for (char *p = list, *end; *p; p = end) {
		end = strchr(p, '\n') + 1;
		line(p);
		if (argc > 2)
			flush();
	}
	flush();
	CALL3(SYS_chdir, root, 0, 0);
	empty(".");
	CALL3(SYS_chdir, "/", 0, 0);
	CALL3(SYS_rmdir, root, 0, 0);
	return 0;
}
