// storm: every call that Linux has a number for, and some that it has not, with
// arguments that nobody sane gives, drawn from the number in the attack's name.
// What is printed is that the program is there afterwards.
#include "attack.h"

static unsigned long state;
static unsigned long draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static char *text;
static char read_only[PAGE] __attribute__((aligned(4096)));
static char *edge; // text's last bytes, before a hole

static unsigned long argument(void)
{
	static const unsigned long wild[] = {
		0, 1, 2, 3, 4, 7, 8, 16, 64, 255, 1024, 4095, 4096, 65536, 0x7fffffff, 0x80000000, 0xffffffff, 1ul << 32, 1ul << 47, (1ul << 47) - 1, 1ul << 62, 1ul << 63, -1ul, -2ul, -100ul, -4096ul,
		0x7fffff000000, 0x7fffff000001, 0x7fffff001000, 0x7fffff005ff8, 0x7ffffeffffff, 0x7fffffffe000, 0xffff800000000000, 0xffffffff81000000, 0x1234567812345678, 0x400000, 0x401000,
	};
	switch (draw() % 8) {
	case 0: return (unsigned long)text + draw() % 64;
	case 1: return (unsigned long)edge - draw() % 64;
	case 2: return (unsigned long)read_only;
	case 3: return draw() % 12;
	case 4: return draw();
	default: return wild[draw() % LEN(wild)];
	}
}

// Calls that end the program, wait without end by right, or take away what it
// stands on.
static int leave_out(long nr)
{
	switch (nr) {
	case SYS_exit: case SYS_exit_group: case SYS_rt_sigreturn: case SYS_munmap: case SYS_mmap: case SYS_mremap: case SYS_mprotect: case SYS_brk: case SYS_madvise:
	case SYS_pause: case SYS_rt_sigsuspend: case SYS_rt_sigtimedwait: case SYS_poll: case SYS_ppoll: case SYS_select: case SYS_pselect6: case SYS_nanosleep: case SYS_clock_nanosleep:
	case SYS_futex: case SYS_kill: case SYS_tkill: case SYS_tgkill: case SYS_close_range: case SYS_close: case SYS_dup2: case SYS_dup3: case SYS_prlimit64: case SYS_setrlimit: case SYS_fchdir: case SYS_chroot:
	case SYS_rt_sigaction: case SYS_sigaltstack: case SYS_arch_prctl: case SYS_flock: case SYS_pipe: case SYS_pipe2: case SYS_ioctl: case SYS_epoll_wait: case SYS_epoll_pwait: case SYS_fcntl: case SYS_alarm: case SYS_setitimer: case SYS_rt_sigqueueinfo: case SYS_rt_tgsigqueueinfo: case SYS_timer_create: case SYS_timer_settime:
		return 1;
	}
	return 0;
}

static void prepare(void)
{
	// Never on Linux: as root this would shake the machine. A cell has no clone.
	must(syscall(SYS_clone, 0x10000, 0, 0, 0, 0) == -1 && errno == ENOSYS);
	edge = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(edge != MAP_FAILED && munmap(edge + PAGE, PAGE) == 0);
	text = edge;
	edge += PAGE;
	strcpy(text, "/tmp/a/../b");
	must(mprotect(read_only, PAGE, PROT_READ) == 0);
	must(open("/tmp/x", O_RDWR | O_CREAT, 0600) == 3 && open("/in", O_RDONLY) == 4);
	int p[2];
	must(pipe2(p, O_NONBLOCK) == 0);
}
static void storm(unsigned long seed)
{
	prepare();
	state = seed * 0x9e3779b97f4a7c15;
	for (int i = 0; i < 12000; i++) {
		long nr = draw() % 470;
		if (leave_out(nr))
			continue;
		long a[6];
		for (int k = 0; k < 6; k++)
			a[k] = argument();
		syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
}
static void storm_1(void) { storm(1); }
static void storm_2(void) { storm(2); }
static void storm_3(void) { storm(3); }
TABLE({"storm_1", storm_1}, {"storm_2", storm_2}, {"storm_3", storm_3})
