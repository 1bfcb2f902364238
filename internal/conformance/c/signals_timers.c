// signals_timers: alarm, setitimer and timer_create, which reach a program that
// waits and one that does not.
#include "facts.h"
#include <signal.h>
#include <sys/time.h>
#include <time.h>

struct sigevent_raw {
	uint64_t value;
	int signo, notify, tid, rest[11];
};

static volatile int count, code, overrun, timer_id;
static volatile uint64_t value;

static void note(int n, siginfo_t *info, void *c)
{
	count++;
	code = info->si_code;
	value = (uint64_t)info->si_value.sival_ptr;
	timer_id = info->si_timerid;
	overrun = info->si_overrun;
}

static void on(int n, void *handler)
{
	struct sigaction a;
	memset(&a, 0, sizeof a);
	a.sa_sigaction = handler;
	a.sa_flags = SA_SIGINFO;
	must(sigaction(n, &a, 0) == 0);
}

// spin goes on without a call until as many signals came.
static void spin(int want)
{
	volatile unsigned long x = 0;
	while (count < want)
		x++;
}

static long now(int clock)
{
	struct timespec t;
	must(clock_gettime(clock, &t) == 0);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static long set(int which, long usec, long again)
{
	struct itimerval t = {{0, again}, {0, usec}};
	return setitimer(which, &t, 0);
}

static void test_itimers(void)
{
	struct itimerval t, old;
	say("# setitimer");
	on(SIGALRM, note);
	on(SIGVTALRM, note);
	on(SIGPROF, note);
	long begin = now(CLOCK_MONOTONIC);
	TRY(set(ITIMER_REAL, 30000, 0));
	spin(1);
	long took = now(CLOCK_MONOTONIC) - begin;
	say("a loop is stopped, code %d, not early %d, value %lx", code, took >= 29, value);
	count = 0;
	TRY(set(ITIMER_REAL, 5000, 5000));
	spin(5);
	TRY(set(ITIMER_REAL, 0, 0));
	count = 0;
	TRY(set(ITIMER_VIRTUAL, 30000, 0));
	spin(1);
	say("virtual: code %d", code);
	count = 0;
	TRY(set(ITIMER_PROF, 20000, 20000));
	spin(3);
	TRY(set(ITIMER_PROF, 0, 0));
	say("prof: code %d", code);
	TRY(getitimer(ITIMER_REAL, &t));
	say("%ld %ld %ld %ld", t.it_value.tv_sec, t.it_value.tv_usec, t.it_interval.tv_sec, t.it_interval.tv_usec);
	t = (struct itimerval){{7, 8}, {100, 0}};
	TRY(setitimer(ITIMER_REAL, &t, 0));
	TRY(getitimer(ITIMER_REAL, &old));
	say("%d %ld %ld", old.it_value.tv_sec == 99, old.it_interval.tv_sec, old.it_interval.tv_usec);
	t = (struct itimerval){{7, 8}, {0, 0}};
	TRY(setitimer(ITIMER_REAL, &t, &old));
	say("%d %ld %ld", old.it_value.tv_sec == 99, old.it_interval.tv_sec, old.it_interval.tv_usec);
	TRY(getitimer(ITIMER_REAL, &old));
	say("%ld %ld %ld", old.it_value.tv_sec, old.it_interval.tv_sec, old.it_interval.tv_usec);
	TRY(syscall(SYS_setitimer, 3L, &t, 0L));
	TRY(syscall(SYS_setitimer, -1L, 8L, 0L));
	TRY(syscall(SYS_setitimer, 0L, 0L, 0L));
	TRY(syscall(SYS_setitimer, 0L, 8L, 0L));
	TRY(syscall(SYS_setitimer, 0L, &t, 8L));
	TRY(syscall(SYS_getitimer, 3L, 8L));
	TRY(syscall(SYS_getitimer, 0L, 8L));
	t = (struct itimerval){{0, 0}, {0, 1000000}};
	TRY(syscall(SYS_setitimer, 0L, &t, 0L));
	t = (struct itimerval){{0, 0}, {-1, 0}};
	TRY(syscall(SYS_setitimer, 0L, &t, 0L));
	t = (struct itimerval){{0, -1}, {1, 0}};
	TRY(syscall(SYS_setitimer, 0L, &t, 0L));
}

static void test_alarm(void)
{
	say("# alarm");
	TRY(alarm(0));
	TRY(alarm(100));
	TRY(alarm(50));
	set(ITIMER_REAL, 300000, 0);
	TRY(alarm(30));
	struct timespec t = {0, 600000000};
	must(nanosleep(&t, 0) == 0);
	TRY(alarm(0));
	count = 0;
	TRY(syscall(SYS_alarm, 0x100000001L));
	must(set(ITIMER_REAL, 0, 0) == 0);
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, SIGALRM);
	sigprocmask(SIG_BLOCK, &s, 0);
	set(ITIMER_REAL, 1000, 1000);
	struct timespec five = {0, 5000000};
	nanosleep(&five, 0);
	siginfo_t info;
	TRY(sigwaitinfo(&s, &info));
	say("code %d pid %d", info.si_code, info.si_pid);
	TRY(sigwaitinfo(&s, &info));
	set(ITIMER_REAL, 0, 0);
	nanosleep(&five, 0);
	struct timespec zero = {0, 0};
	sigtimedwait(&s, &info, &zero);
	TRY(sigtimedwait(&s, &info, &zero));
	sigprocmask(SIG_UNBLOCK, &s, 0);
}

static long create(int clock, int notify, int signo, uint64_t v, int *id)
{
	struct sigevent_raw e = {v, signo, notify, getpid()};
	return syscall(SYS_timer_create, (long)clock, &e, id);
}

static long settime(int id, int flags, long nsec, long again)
{
	struct itimerspec t = {{again / 1000000000, again % 1000000000}, {nsec / 1000000000, nsec % 1000000000}};
	return syscall(SYS_timer_settime, (long)id, (long)flags, &t, 0L);
}

static void test_posix(void)
{
	say("# timer_create");
	int a = -1, b = -1, c = -1;
	on(SIGUSR1, note);
	on(SIGRTMIN, note);
	TRY(create(CLOCK_MONOTONIC, 0, SIGUSR1, 0x123456789a, &a));
	count = 0;
	TRY(settime(a, 0, 20000000, 0));
	spin(1);
	say("code %d value %lx timer %d overrun %d", code, value, timer_id == a, overrun);
	TRY(syscall(SYS_timer_getoverrun, (long)a));
	TRY(create(CLOCK_REALTIME, 0, SIGRTMIN, 7, &b));
	say("ids count up: %d", b == a + 1);
	count = 0;
	TRY(settime(b, 0, 3000000, 3000000));
	spin(3);
	TRY(settime(b, 0, 0, 0));
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &s, 0);
	TRY(settime(b, 0, 1000000, 1000000));
	struct timespec t = {0, 20500000};
	nanosleep(&t, 0);
	count = 0;
	sigprocmask(SIG_UNBLOCK, &s, 0);
	say("overrun %d", count >= 1);
	TRY(settime(b, 0, 0, 0));
	sigprocmask(SIG_BLOCK, &s, 0);
	settime(b, 0, 1000000, 0);
	nanosleep(&t, 0);
	TRY(syscall(SYS_timer_delete, (long)b));
	count = 0;
	sigprocmask(SIG_UNBLOCK, &s, 0);
	say("a timer that is gone sends %d", count);
	TRY(syscall(SYS_timer_delete, (long)b));
	say("# SIGEV_NONE");
	struct itimerspec left;
	TRY(create(CLOCK_MONOTONIC, 1, 0, 0, &c));
	TRY(settime(c, 0, 5000000, 0));
	nanosleep(&t, 0);
	TRY(syscall(SYS_timer_gettime, (long)c, &left));
	say("%ld %ld", left.it_value.tv_sec, left.it_value.tv_nsec);
	TRY(settime(c, 0, 1000000, 10000000000));
	nanosleep(&t, 0);
	TRY(syscall(SYS_timer_gettime, (long)c, &left));
	say("%ld %ld", left.it_value.tv_sec, left.it_interval.tv_sec);
	say("# absolute");
	struct timespec when;
	clock_gettime(CLOCK_MONOTONIC, &when);
	count = 0;
	TRY(settime(a, TIMER_ABSTIME, 1, 0));
	spin(1);
	TRY(settime(a, TIMER_ABSTIME, when.tv_sec * 1000000000 + when.tv_nsec + 20000000, 0));
	spin(2);
	clock_gettime(CLOCK_MONOTONIC, &when);
	say("# processor time");
	int d;
	TRY(create(CLOCK_PROCESS_CPUTIME_ID, 0, SIGUSR1, 5, &d));
	count = 0;
	TRY(settime(d, 0, 10000000, 0));
	spin(1);
	TRY(create(CLOCK_THREAD_CPUTIME_ID, 4, SIGUSR1, 6, &d));
	TRY(settime(d, 0, 10000000, 10000000));
	spin(3);
	say("code %d value %lx", code, value);
	TRY(settime(d, 0, 0, 0));
	say("# default");
	int e;
	on(SIGALRM, note);
	TRY(syscall(SYS_timer_create, 1L, 0L, &e));
	count = 0;
	TRY(settime(e, 0, 1000000, 0));
	spin(1);
	say("code %d value is the id %d", code, (int)value == e);
}

static void test_errors(void)
{
	say("# errors");
	int id;
	struct itimerspec t = {{0, 0}, {0, 1000000000}};
	TRY(create(77, 0, SIGUSR1, 0, &id));
	TRY(create(CLOCK_MONOTONIC_RAW, 0, SIGUSR1, 0, &id));
	TRY(create(CLOCK_MONOTONIC_COARSE, 0, SIGUSR1, 0, &id));
	TRY(create(-100, 0, SIGUSR1, 0, &id));
	TRY(create(CLOCK_MONOTONIC, 3, SIGUSR1, 0, &id));
	TRY(create(CLOCK_MONOTONIC, 0, 0, 0, &id));
	TRY(create(CLOCK_MONOTONIC, 0, 65, 0, &id));
	TRY(create(CLOCK_MONOTONIC, 1, 65, 0, &id));
	TRY(create(CLOCK_MONOTONIC, 0, SIGUSR1, 0, (int *)8));
	TRY(syscall(SYS_timer_create, 1L, 8L, &id));
	TRY(syscall(SYS_timer_create, 99L, 8L, &id));
	TRY(syscall(SYS_timer_settime, 99L, 0L, 0L, 0L));
	TRY(syscall(SYS_timer_settime, 99L, 0L, 8L, 0L));
	TRY(syscall(SYS_timer_settime, 0L, 0L, &t, 0L));
	t.it_value.tv_nsec = 0;
	TRY(syscall(SYS_timer_settime, 0L, 0L, &t, 8L));
	TRY(syscall(SYS_timer_settime, -1L, 0L, &t, 0L));
	TRY(syscall(SYS_timer_gettime, 99L, 8L));
	TRY(syscall(SYS_timer_gettime, 0L, 8L));
	TRY(syscall(SYS_timer_getoverrun, 99L));
	TRY(syscall(SYS_timer_delete, 99L));
}

// test_storm has a timer that fires all the time while the program calculates.
static void test_storm(void)
{
	say("# a storm");
	count = 0;
	set(ITIMER_REAL, 700, 700);
	double sum = 0;
	uint64_t h = 1;
	for (int i = 1; i < 3000000 || count < 50; i++) {
		if (i < 3000000) {
			sum += 1.0 / i;
			h = h * 6364136223846793005 + i;
		}
	}
	set(ITIMER_REAL, 0, 0);
	say("%.12f %lx", sum, h);
}

int main(void)
{
	test_itimers();
	test_alarm();
	test_posix();
	test_errors();
	test_storm();
	return 0;
}
