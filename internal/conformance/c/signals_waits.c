// signals_waits: what a signal makes of a call that waits, with and without
// SA_RESTART, and which masks hold meanwhile.
#include "facts.h"
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>

static volatile int count, blocked_inside;
static int pipe_fds[2], enough;
static struct timespec begin;

static void on(int n, void *handler, int flags)
{
	struct sigaction a;
	memset(&a, 0, sizeof a);
	a.sa_handler = handler;
	a.sa_flags = flags;
	must(sigaction(n, &a, 0) == 0);
}

// ring counts; when it has rung often enough it ends the wait for the pipe.
static void ring(int n)
{
	sigset_t now;
	sigprocmask(SIG_BLOCK, 0, &now);
	blocked_inside = sigismember(&now, SIGUSR1) | sigismember(&now, SIGUSR2) << 1 | sigismember(&now, SIGALRM) << 2;
	if (++count == enough)
		write(pipe_fds[1], "x", 1);
}

static void after(long usec, long again)
{
	struct itimerval t = {{0, again}, {0, usec}};
	count = 0;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	must(setitimer(ITIMER_REAL, &t, 0) == 0);
}

static void off(void)
{
	struct itimerval t = {{0, 0}, {0, 0}};
	must(setitimer(ITIMER_REAL, &t, 0) == 0);
}

static void said(const char *call, long result)
{
	int e = errno;
	off();
	say("  %s = %s, %s", call, result == -1 ? errno_name(e) : "ok", count == 0 ? "no signal" : "signalled");
}

// WAIT has signals all the time: a slow machine may get the first before the
// call waits.
#define WAIT(call) (errno = 0, after(20000, 50000), said(#call, (long)(call)))

static void each_wait(void)
{
	char b[8];
	static uint32_t word;
	struct timespec t = {3, 0}, left = {0, 0};
	struct timeval tv = {3, 0};
	struct pollfd p = {pipe_fds[0], POLLIN, 0};
	sigset_t none, old, waited;
	sigemptyset(&none);
	sigemptyset(&waited);
	sigaddset(&waited, SIGUSR2);
	fd_set set;
	enough = 2;
	errno = 0;
	after(20000, 20000);
	said("read of a pipe", read(pipe_fds[0], b, 1));
	while (poll(&p, 1, 0) == 1)
		read(pipe_fds[0], b, 1);
	enough = 0;
	WAIT(nanosleep(&t, &left));
	say("  left %d", left.tv_sec == 2);
	WAIT(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &left) ? (errno = EINTR, -1) : 0);
	struct timespec then = begin;
	then.tv_sec += 4;
	left.tv_sec = 77;
	WAIT(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, &left) ? (errno = EINTR, -1) : 0);
	say("  left untouched %d", left.tv_sec == 77);
	WAIT(poll(&p, 1, 3000));
	WAIT(poll(&p, 1, -1));
	WAIT(ppoll(&p, 1, &t, 0));
	FD_ZERO(&set);
	FD_SET(pipe_fds[0], &set);
	WAIT(syscall(SYS_select, pipe_fds[0] + 1, &set, 0, 0, &tv));
	say("  left %d, set kept %d", tv.tv_sec == 2, FD_ISSET(pipe_fds[0], &set) != 0);
	WAIT(pselect(pipe_fds[0] + 1, &set, 0, 0, 0, 0));
	WAIT(pause());
	WAIT(sigsuspend(&none));
	WAIT(syscall(SYS_rt_sigtimedwait, &waited, 0L, &t, 8L));
	WAIT(syscall(SYS_futex, &word, 128 /* FUTEX_WAIT_PRIVATE */, 0, &t, 0, 0));
}

static void test_restart(void)
{
	say("# without SA_RESTART");
	on(SIGALRM, ring, 0);
	each_wait();
	say("# with SA_RESTART");
	on(SIGALRM, ring, SA_RESTART);
	each_wait();
	say("# full pipe");
	static char page[4096];
	int p[2];
	must(pipe(p) == 0);
	must(fcntl(p[1], F_SETFL, O_NONBLOCK) == 0);
	while (write(p[1], page, sizeof page) > 0)
		;
	must(fcntl(p[1], F_SETFL, 0) == 0);
	on(SIGALRM, ring, 0);
	WAIT(write(p[1], page, 10));
	must(read(p[0], page, sizeof page) == sizeof page);
	errno = 0;
	after(20000, 50000);
	static char much[8192];
	long n = write(p[1], much, sizeof much);
	say("  %ld written", n);
	off();
	say("# lock");
	put("/tmp/lock", "x");
	int one = open("/tmp/lock", O_RDWR), two = open("/tmp/lock", O_RDWR);
	must(flock(one, LOCK_EX) == 0);
	WAIT(flock(two, LOCK_EX));
}

static void test_masks(void)
{
	say("# masks of waiting calls");
	sigset_t set, old, now;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGALRM);
	must(sigprocmask(SIG_SETMASK, &set, 0) == 0);
	on(SIGUSR1, ring, 0);
	on(SIGALRM, ring, 0);
	sigset_t only;
	sigemptyset(&only);
	sigaddset(&only, SIGUSR2);
	struct timespec t = {3, 0}, zero = {0, 0};
	struct pollfd p = {pipe_fds[0], POLLIN, 0}, ready = {pipe_fds[1], POLLOUT, 0};
#define MASKED(prepare, call)                                                                        \
	do {                                                                                         \
		count = blocked_inside = 0;                                                          \
		prepare;                                                                             \
		errno = 0;                                                                           \
		long r = call;                                                                       \
		say("  %s = %s", #call, r == -1 ? errno_name(errno) : r > 0 ? "ready" : "0");        \
		sigprocmask(SIG_BLOCK, 0, &now);                                                     \
		say("    %d times, blocked inside %d, afterwards %d %d %d", count, blocked_inside,   \
		    sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2), sigismember(&now, SIGALRM)); \
	} while (0)
	MASKED(raise(SIGUSR1), sigsuspend(&only));
	MASKED(raise(SIGUSR1), ppoll(&p, 1, &t, &only));
	MASKED(raise(SIGUSR1), ppoll(&ready, 1, &t, &only));
	MASKED(raise(SIGUSR1), ppoll(&p, 1, &zero, &only));
	MASKED((void)0, ppoll(&p, 1, &zero, &set));
	fd_set fds;
	FD_ZERO(&fds);
	FD_SET(pipe_fds[0], &fds);
	MASKED(raise(SIGUSR1), pselect(pipe_fds[0] + 1, &fds, 0, 0, &t, &only));
	MASKED(after(20000, 0), sigsuspend(&only));
	MASKED(after(20000, 0), ppoll(&p, 1, 0, &only));
	MASKED((raise(SIGUSR1), after(1, 0), usleep(2000)), sigsuspend(&only));
	MASKED(raise(SIGUSR1), poll(&p, 1, 10));
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, 0);
	say("  after all %d times", count);
}

static void broken(int n) { count++; }

static void test_pipe(void)
{
	say("# SIGPIPE");
	int p[2];
	must(pipe(p) == 0);
	close(p[0]);
	on(SIGPIPE, broken, 0);
	count = 0;
	TRY(write(p[1], "x", 1));
	say("  %d times", count);
	signal(SIGPIPE, SIG_IGN);
	TRY(write(p[1], "x", 1));
	on(SIGPIPE, broken, SA_RESTART);
	TRY(write(p[1], "x", 1));
	say("  %d times", count);
}

// ignored signals end no wait.
static void test_ignored(void)
{
	say("# ignored");
	struct timespec t = {0, 60000000};
	signal(SIGALRM, SIG_IGN);
	WAIT(nanosleep(&t, 0));
	WAIT(poll(0, 0, 60));
	struct itimerval now;
	must(getitimer(ITIMER_REAL, &now) == 0);
	say("  %ld %ld", now.it_value.tv_sec, now.it_value.tv_usec);
}

int main(void)
{
	must(pipe(pipe_fds) == 0);
	test_restart();
	test_masks();
	test_pipe();
	test_ignored();
	return 0;
}
