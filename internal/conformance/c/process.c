// process: who the program is, on what machine, and what it may use.
#include "facts.h"
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>

#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004

static void test_ids(void)
{
	say("# ids");
	TRY(getuid());
	TRY(geteuid());
	TRY(getgid());
	TRY(getegid());
	gid_t groups[64];
	TRY(getgroups(64, groups) >= 0);
	TRY(getgroups(-1, groups));
	IS(getpid() > 0);
	IS(getpid() == getpid());
	IS(syscall(SYS_gettid) == getpid());
	IS(getppid() >= 0);
	uid_t r, e, s;
	TRY(getresuid(&r, &e, &s));
	say("%d %d %d", r, e, s);
	TRY(getresgid(&r, &e, &s));
	say("%d %d %d", r, e, s);
	TRY(syscall(SYS_getresuid, 8, &e, &s));
	struct passwd *p = getpwuid(0);
	say("%s", p ? p->pw_name : "nobody");
	IS(getpwuid(12345) == 0);
}

static void test_machine(void)
{
	say("# machine");
	struct utsname u;
	TRY(uname(&u));
	say("%s %s", u.sysname, u.machine);
	IS(u.release[0] >= '4' && u.release[0] <= '9');
	IS(strlen(u.nodename) > 0 && strlen(u.version) > 0);
	TRY(syscall(SYS_uname, 8));
	struct sysinfo i;
	TRY(sysinfo(&i));
	IS(i.totalram * (unsigned long)i.mem_unit > 1 << 20);
	IS(i.freeram <= i.totalram && i.uptime >= 0 && i.procs > 0);
	TRY(syscall(SYS_sysinfo, 8));
	TRY(sysconf(_SC_PAGESIZE));
	TRY(sysconf(_SC_CLK_TCK));
	TRY(sysconf(_SC_NPROCESSORS_ONLN));
	IS(sysconf(_SC_OPEN_MAX) >= 256);
	IS(sysconf(_SC_PHYS_PAGES) > 256);
	IS(sysconf(_SC_AVPHYS_PAGES) > 16);
	TRY(getpagesize());
}

static void test_limits(void)
{
	say("# limits");
	struct rlimit l = {1, 2};
	TRY(getrlimit(RLIMIT_STACK, &l));
	say("stack %ld KiB", (long)(l.rlim_cur >> 10));
	TRY(getrlimit(RLIMIT_NOFILE, &l));
	IS(l.rlim_cur >= 256 && l.rlim_cur <= l.rlim_max);
	TRY(getrlimit(RLIMIT_CORE, &l));
	TRY(getrlimit(99, &l));
	TRY(getrlimit(-1, &l));
	TRY(syscall(SYS_prlimit64, 0, RLIMIT_STACK, 0, &l));
	TRY(syscall(SYS_prlimit64, 0, RLIMIT_STACK, 0, 0));
	TRY(syscall(SYS_prlimit64, 0, 99, 0, &l));
	TRY(syscall(SYS_prlimit64, 0, RLIMIT_STACK, 0, 8));
	TRY(syscall(SYS_prlimit64, 0, RLIMIT_STACK, 8, 0));
	TRY(syscall(SYS_prlimit64, -5, RLIMIT_STACK, 0, &l));
	TRY(syscall(SYS_prlimit64, getpid(), RLIMIT_STACK, 0, &l));
	struct rlimit odd = {5, 4};
	TRY(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &odd, 0));
	struct rlimit few = {64, 64};
	TRY(setrlimit(RLIMIT_NOFILE, &few));
	TRY(getrlimit(RLIMIT_NOFILE, &l));
	say("%ld %ld", (long)l.rlim_cur, (long)l.rlim_max);
	int n = 0;
	while (dup(0) >= 0)
		n++;
	say("%d more, then %s", n, errno_name(errno));
	TRY(open("/in/text", O_RDONLY));
	int p[2];
	TRY(pipe(p));
	TRY(fcntl(0, F_DUPFD, 63));
	TRY(fcntl(0, F_DUPFD, 64));
	TRY(dup2(0, 64));
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	struct rusage u;
	memset(&u, 255, sizeof u);
	TRY(getrusage(RUSAGE_SELF, &u));
	IS(u.ru_utime.tv_usec >= 0 && u.ru_utime.tv_usec < 1000000 && u.ru_maxrss > 0);
	TRY(getrusage(RUSAGE_CHILDREN, &u));
	say("children %ld.%06ld", (long)u.ru_utime.tv_sec, (long)u.ru_utime.tv_usec);
	TRY(getrusage(1 /* THREAD */, &u));
	TRY(getrusage(9, &u));
	TRY(syscall(SYS_getrusage, 0, 8));
}

static void test_sched(void)
{
	say("# sched");
	cpu_set_t set;
	CPU_ZERO(&set);
	TRY(sched_getaffinity(0, sizeof set, &set));
	say("%d processors", CPU_COUNT(&set));
	IS(syscall(SYS_sched_getaffinity, 0, sizeof set, &set) > 0);
	TRY(syscall(SYS_sched_getaffinity, 0, 0, &set));
	TRY(syscall(SYS_sched_getaffinity, 0, 4, &set));
	TRY(syscall(SYS_sched_getaffinity, 0, 9, &set));
	TRY(syscall(SYS_sched_getaffinity, 0, 128, 8));
	TRY(syscall(SYS_sched_getaffinity, 0x7ffffff0, sizeof set, &set));
	TRY(sched_yield());
	TRY(syscall(SYS_sched_getscheduler, 0));
	TRY(syscall(SYS_sched_getscheduler, -1));
	int priority = 9;
	TRY(syscall(SYS_sched_getparam, 0, &priority));
	say("priority %d", priority);
	TRY(syscall(SYS_sched_getparam, 0, 0));
	TRY(sched_get_priority_max(SCHED_OTHER));
	TRY(sched_get_priority_min(SCHED_OTHER));
	TRY(sched_get_priority_max(SCHED_FIFO));
	TRY(sched_get_priority_min(SCHED_FIFO));
	TRY(sched_get_priority_max(77));
	unsigned cpu = 77, node = 77;
	TRY(syscall(SYS_getcpu, &cpu, &node, 0));
	say("processor %u node %u", cpu, node);
}

static void test_prctl(void)
{
	say("# prctl");
	char name[16];
	TRY(prctl(PR_SET_NAME, "a-name-that-is-too-long"));
	TRY(prctl(PR_GET_NAME, name));
	say("%s", name);
	TRY(prctl(PR_SET_NAME, ""));
	TRY(prctl(PR_GET_NAME, name));
	say("%s", name);
	TRY(prctl(PR_GET_NAME, 8));
	TRY(prctl(PR_SET_NAME, 8));
	TRY(prctl(99999, 0, 0, 0, 0));
	say("# arch_prctl");
	unsigned long fs = 0, gs = 0, self;
	__asm__("mov %%fs:0, %0" : "=r"(self));
	TRY(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs));
	IS(fs == self);
	TRY(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
	IS(gs == 0);
	static unsigned long value = 0x1122334455667788;
	TRY(syscall(SYS_arch_prctl, ARCH_SET_GS, &value));
	TRY(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
	IS(gs == (unsigned long)&value);
	__asm__("mov %%gs:0, %0" : "=r"(self));
	IS(self == value);
	TRY(syscall(SYS_arch_prctl, ARCH_SET_GS, 0));
	TRY(syscall(SYS_arch_prctl, ARCH_SET_GS, 0xffff800000000000));
	TRY(syscall(SYS_arch_prctl, ARCH_SET_FS, 0x1234567812345678));
	TRY(syscall(SYS_arch_prctl, ARCH_GET_FS, 8));
	TRY(syscall(SYS_arch_prctl, 0x7777, 0));
}

static void test_threads(void)
{
	say("# thread words");
	int word = 5;
	IS(syscall(SYS_set_tid_address, &word) == getpid());
	void *head[3] = {head, 0, 0};
	TRY(syscall(SYS_set_robust_list, head, 24L));
	TRY(syscall(SYS_set_robust_list, head, 23L));
	void *got = 0;
	size_t length = 0;
	TRY(syscall(SYS_get_robust_list, 0, &got, &length));
	IS(got == head && length == 24);
	say("# futex");
	struct timespec t = {0, 1000000}, odd = {0, 1000000000}, past = {1, 0};
	enum { WAIT, WAKE, REQUEUE = 3, CMP_REQUEUE = 4, WAIT_BITSET = 9, WAKE_BITSET = 10, PRIVATE = 128, REALTIME = 256 };
	TRY(syscall(SYS_futex, &word, WAIT, 6, 0, 0, 0));
	TRY(syscall(SYS_futex, &word, WAIT, 5, &t, 0, 0));
	TRY(syscall(SYS_futex, &word, WAIT | PRIVATE, 5, &t, 0, 0));
	TRY(syscall(SYS_futex, &word, WAIT, 5, &odd, 0, 0));
	TRY(syscall(SYS_futex, &word, WAIT, 5, 8L, 0, 0));
	TRY(syscall(SYS_futex, &word, WAKE, 1, 0, 0, 0));
	TRY(syscall(SYS_futex, &word, WAKE | PRIVATE, 0x7fffffff, 0, 0, 0));
	TRY(syscall(SYS_futex, (char *)&word + 1, WAKE, 1, 0, 0, 0));
	TRY(syscall(SYS_futex, (char *)&word + 1, WAIT, 5, 0, 0, 0));
	TRY(syscall(SYS_futex, 8L, WAIT, 5, &t, 0, 0));
	TRY(syscall(SYS_futex, 8L, WAKE | PRIVATE, 1, 0, 0, 0));
	TRY(syscall(SYS_futex, &word, WAIT_BITSET | PRIVATE, 5, &past, 0, 0xffffffffL));
	TRY(syscall(SYS_futex, &word, WAIT_BITSET | PRIVATE | REALTIME, 5, &past, 0, 0xffffffffL));
	TRY(syscall(SYS_futex, &word, WAIT_BITSET | PRIVATE, 5, &past, 0, 0L));
	TRY(syscall(SYS_futex, &word, WAIT_BITSET | PRIVATE, 6, &past, 0, 0xffffffffL));
	TRY(syscall(SYS_futex, &word, WAKE_BITSET | PRIVATE, 1, 0, 0, 0xffffffffL));
	TRY(syscall(SYS_futex, &word, WAKE_BITSET | PRIVATE, 1, 0, 0, 0L));
	TRY(syscall(SYS_futex, &word, 77, 1, 0, 0, 0));
	TRY(syscall(SYS_futex, &word, WAKE | REALTIME, 1, 0, 0, 0));
	say("# calls that are not there");
	TRY(syscall(9999));
	TRY(syscall(400));
	TRY(syscall(-1L));
	TRY(syscall(511));
	TRY(syscall(SYS_clone, 0x10000L, 0L, 0L, 0L, 0L)); // CLONE_THREAD alone
	// clone3, rseq
	TRY(syscall(435L, 0L, 0L));
	TRY(syscall(334L, 0L, 0L, 0L, 0L));
	TRY(syscall(SYS_execve, "/in/text", 0L, 0L));
	TRY(syscall(SYS_socket, 2L, 1L, 0L));
	close(3);
	IS(syscall(SYS_getppid | 0x100000000L) >= 0); // the number is 32 bits wide
}

int main(void)
{
	test_ids();
	test_machine();
	test_limits();
	test_sched();
	test_prctl();
	test_threads();
	exit(42 + 256);
}
