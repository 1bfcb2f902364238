// time: clocks go forward, sleeps last, wrong arguments are refused. No time is
// printed.
#include "facts.h"
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

static int64_t now(int clock)
{
	struct timespec t;
	must(syscall(SYS_clock_gettime, clock, &t) == 0);
	must(t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void test_clocks(void)
{
	say("# clocks");
	static const int clocks[] = {0, 1, 2, 3, 4, 5, 6, 7, 11};
	struct timespec t;
	for (size_t i = 0; i < LEN(clocks); i++) {
		int64_t before = now(clocks[i]), after = before;
		for (int k = 0; k < 100; k++) {
			int64_t next = now(clocks[i]);
			if (next < after)
				say("clock %d went back", clocks[i]);
			after = next;
		}
		say("clock %d: resolution %ld, does not go back", clocks[i],
		    syscall(SYS_clock_getres, clocks[i], &t) == 0 ? (long)t.tv_sec : -1L);
	}
	TRY(syscall(SYS_clock_gettime, 99, &t));
	TRY(syscall(SYS_clock_gettime, -1, &t));
	TRY(syscall(SYS_clock_gettime, 0, 8));
	TRY(syscall(SYS_clock_getres, 99, &t));
	TRY(syscall(SYS_clock_getres, 1, 0));
	must(syscall(SYS_clock_getres, 1, &t) == 0);
	IS(t.tv_sec == 0 && t.tv_nsec == 1);
	IS(now(0) > 1700000000L * 1000000000);
	struct timeval v;
	TRY(gettimeofday(&v, 0));
	TRY(syscall(SYS_gettimeofday, &v, 0));
	TRY(syscall(SYS_gettimeofday, 0, 0));
	TRY(syscall(SYS_gettimeofday, 8, 0));
	int64_t real = now(0), of_day;
	must(gettimeofday(&v, 0) == 0);
	of_day = v.tv_sec * 1000000000L + v.tv_usec * 1000;
	IS(of_day - real > -2000 && of_day - real < 5000000000L);
	IS(time(0) - real / 1000000000 <= 5 && time(0) >= real / 1000000000 - 1);
	TRY(syscall(SYS_time, 8));
	struct tms tms;
	OK(times(&tms));
	IS(clock() >= 0);
	int64_t cpu = now(2);
	for (volatile long i = 0; i < 30000000; i++)
		;
	IS(now(2) > cpu);
	IS(now(3) > 0 && now(3) <= now(2) + 1000000);
	cpu = now(2);
	struct timespec rest = {0, 50000000};
	nanosleep(&rest, 0);
	IS(now(2) - cpu < 40000000);
}

static void test_sleep(void)
{
	say("# sleeps");
	struct timespec t = {0, 20000000}, left = {5, 5};
	int64_t start = now(1);
	TRY(nanosleep(&t, &left));
	IS(now(1) - start >= 20000000);
	say("left %ld.%09ld", (long)left.tv_sec, left.tv_nsec);
	struct timespec odd[] = {{0, 1000000000}, {0, -1}, {-1, 0}, {-1, 5}};
	for (size_t i = 0; i < LEN(odd); i++) {
		TRY(nanosleep(&odd[i], 0));
		TRY(syscall(SYS_clock_nanosleep, 1, 0, &odd[i], 0));
	}
	TRY(syscall(SYS_nanosleep, 8, 0));
	TRY(syscall(SYS_nanosleep, &(struct timespec){0, 1}, 8));
	start = now(1);
	t = (struct timespec){(start + 15000000) / 1000000000, (start + 15000000) % 1000000000};
	TRY(syscall(SYS_clock_nanosleep, 1, 1 /* TIMER_ABSTIME */, &t, 0));
	IS(now(1) >= start + 15000000);
	TRY(syscall(SYS_clock_nanosleep, 1, 1, &t, 0));
	int64_t real = now(0) + 10000000;
	t = (struct timespec){real / 1000000000, real % 1000000000};
	TRY(syscall(SYS_clock_nanosleep, 0, 1, &t, 0));
	IS(now(0) >= real);
	t = (struct timespec){0, 1000};
	TRY(syscall(SYS_clock_nanosleep, 7, 0, &t, 0));
	TRY(syscall(SYS_clock_nanosleep, 99, 0, &t, 0));
	TRY(syscall(SYS_clock_nanosleep, 3, 0, &t, 0));
	TRY(syscall(SYS_clock_nanosleep, 4, 0, &t, 0));
	TRY(syscall(SYS_clock_nanosleep, 1, 0, 8, 0));
	TRY(usleep(1000));
	TRY(sleep(0));
	t = (struct timespec){0, 0};
	TRY(nanosleep(&t, 0));
}

static void test_calendar(void)
{
	say("# calendar");
	static const time_t some[] = {0, 1, 951782399, 951782400, 1706933106, 2147483647, 4102444800, -1};
	char text[100];
	for (size_t i = 0; i < LEN(some); i++) {
		struct tm *utc = gmtime(&some[i]);
		strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %a %j", utc);
		struct tm back = *utc;
		say("%s %d", text, timegm(&back) == some[i]);
		struct tm *local = localtime(&some[i]);
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S%z", local);
		say("%s %d", text, mktime(local) == some[i]);
	}
	struct tm tm = {.tm_year = 124, .tm_mon = 1, .tm_mday = 30};
	say("%ld", (long)timegm(&tm));
	strftime(text, sizeof text, "%F", &tm);
	say("%s", text);
}

int main(void)
{
	test_clocks();
	test_sleep();
	test_calendar();
	return 0;
}
