// poll: pipes, waiting for them, and what one process can see of them.
#include "facts.h"
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/time.h>
#include <termios.h>
#include <time.h>

static char buffer[1 << 17];

static void events(const char *what, struct pollfd *p, int n, int timeout)
{
	int r = poll(p, n, timeout);
	say("%s: %d", what, r);
	for (int i = 0; i < n; i++)
		say("  %d: %#x", i, (unsigned)(unsigned short)p[i].revents);
}

static void test_pipe(void)
{
	int p[2], unread = -1;
	say("# pipe");
	TRY(pipe2(p, O_NONBLOCK | O_CLOEXEC));
	say("%d %d", p[0], p[1]);
	TRY(fcntl(p[0], F_GETFD));
	TRY(fcntl(p[0], F_GETFL) & ~0100000);
	TRY(fcntl(p[1], F_GETFL) & ~0100000);
	TRY(read(p[0], buffer, 10));
	TRY(write(p[1], "0123456789", 10));
	TRY(ioctl(p[0], FIONREAD, &unread));
	say("unread %d", unread);
	TRY(read(p[0], buffer, 4));
	TRY(ioctl(p[0], FIONREAD, &unread));
	say("unread %d", unread);
	TRY(read(p[0], buffer, 100));
	TRY(read(p[0], buffer, 100));
	TRY(read(p[0], buffer, 0));
	TRY(read(p[1], buffer, 1));
	TRY(write(p[0], buffer, 1));
	TRY(lseek(p[0], 0, SEEK_SET));
	TRY(pread(p[0], buffer, 1, 0));
	TRY(pwrite(p[1], buffer, 1, 0));
	TRY(write(p[1], buffer, 65536));
	TRY(write(p[1], buffer, 1));
	TRY(read(p[0], buffer, 4096));
	TRY(write(p[1], buffer, 4097));
	TRY(write(p[1], buffer, 4096));
	TRY(read(p[0], buffer, sizeof buffer));
	TRY(write(p[1], buffer, 100000));
	TRY(read(p[0], buffer, sizeof buffer));
	TRY(write(p[1], buffer, 3));
	TRY(close(p[1]));
	TRY(read(p[0], buffer, 10));
	TRY(read(p[0], buffer, 10));
	TRY(close(p[0]));
	TRY(pipe(p));
	TRY(close(p[0]));
	signal(SIGPIPE, SIG_IGN);
	TRY(write(p[1], "x", 1));
	TRY(write(p[1], "x", 0));
	TRY(close(p[1]));
	TRY(pipe2(p, O_APPEND));
	TRY(pipe2((void *)8, 0));
	TRY(fcntl(3, F_GETFD));
	struct stat s;
	must(pipe(p) == 0);
	must(fstat(p[0], &s) == 0);
	IS(S_ISFIFO(s.st_mode) && s.st_size == 0);
	TRY(fcntl(p[0], F_SETFL, O_NONBLOCK));
	TRY(read(p[0], buffer, 1));
	int on = 0;
	TRY(ioctl(p[0], FIONBIO, &on));
	TRY(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	TRY(ftruncate(p[1], 0));
	close(p[0]);
	close(p[1]);
}

static void test_poll(void)
{
	say("# poll");
	int p[2];
	must(pipe(p) == 0);
	int file = open("/in/text", O_RDONLY);
	struct pollfd f[4] = {
		{p[0], POLLIN | POLLOUT, 7}, {p[1], POLLIN | POLLOUT, 7}, {file, POLLIN | POLLOUT | POLLPRI, 7}, {-1, POLLIN, 7}};
	events("empty pipe", f, 4, 0);
	events("waits in vain", f, 1, 20);
	must(write(p[1], "x", 1) == 1);
	events("one byte", f, 4, -1);
	struct pollfd bad[2] = {{77, POLLIN, 0}, {p[0], 0, 0}};
	events("closed descriptor", bad, 2, -1);
	must(close(p[1]) == 0);
	events("writer gone, byte left", f, 1, 0);
	must(read(p[0], buffer, 1) == 1);
	events("writer gone", f, 1, 0);
	bad[0].fd = p[0];
	bad[0].events = 0;
	events("nothing asked", bad, 1, 0);
	close(p[0]);
	must(pipe(p) == 0);
	close(p[0]);
	f[1].fd = p[1];
	events("reader gone", f + 1, 1, 0);
	close(p[1]);
	TRY(poll(0, 0, 10));
	TRY(poll((void *)8, 1, 0));
	TRY(poll(f, 1 << 30, 0));
	struct timespec t = {0, 1000000}, odd = {0, 1000000000}, negative = {-1, 0};
	sigset_t none;
	sigemptyset(&none);
	TRY(ppoll(0, 0, &t, 0));
	TRY(ppoll(0, 0, &t, &none));
	TRY(ppoll(0, 0, &odd, 0));
	TRY(ppoll(0, 0, &negative, 0));
	TRY(syscall(SYS_ppoll, 0, 0, &t, &none, 4));
	struct pollfd std[3] = {{0, POLLIN, 0}, {1, POLLOUT, 0}, {2, POLLOUT, 0}};
	// The writer at the other end closes in its own time.
	for (int i = 0; i < 5000 && !(std[0].revents & POLLHUP); i++) {
		poll(std, 1, 0);
		usleep(1000);
	}
	events("standard streams", std, 3, 1000);
	while (read(0, buffer, sizeof buffer) > 0)
		;
	events("input at its end", std, 1, 1000);
	close(file);
}

static void test_select(void)
{
	say("# select");
	int p[2];
	must(pipe(p) == 0);
	int file = open("/in/text", O_RDONLY);
	fd_set r, w, e;
	struct timeval zero = {0, 0}, wait = {0, 20000};
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&e);
	FD_SET(p[0], &r);
	FD_SET(p[1], &w);
	FD_SET(file, &r);
	FD_SET(file, &e);
	TRY(select(20, &r, &w, &e, &zero));
	say("%d %d %d %d", !!FD_ISSET(p[0], &r), !!FD_ISSET(p[1], &w), !!FD_ISSET(file, &r), !!FD_ISSET(file, &e));
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	TRY(select(20, &r, 0, 0, &wait));
	say("left %ld.%06ld", (long)wait.tv_sec, (long)wait.tv_usec);
	must(write(p[1], "x", 1) == 1);
	FD_SET(p[0], &r);
	TRY(select(20, &r, 0, 0, 0));
	IS(FD_ISSET(p[0], &r));
	FD_SET(p[0], &r);
	TRY(select(p[0], &r, 0, 0, &zero));
	FD_ZERO(&r);
	FD_SET(30, &r); // below 64: Linux ignores what is beyond its table
	TRY(select(31, &r, 0, 0, &zero));
	TRY(select(-1, 0, 0, 0, &zero));
	TRY(select(0, 0, 0, 0, &zero));
	struct timeval negative = {-1, 0};
	TRY(syscall(SYS_select, 0, 0, 0, 0, &negative));
	TRY(syscall(SYS_select, 10, 8, 0, 0, &zero));
	struct timespec ts = {0, 1000}, odd = {0, -1};
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	TRY(pselect(20, &r, 0, 0, &ts, 0));
	TRY(pselect(20, 0, 0, 0, &odd, 0));
	sigset_t none;
	sigemptyset(&none);
	TRY(pselect(20, &r, 0, 0, &ts, &none));
	close(p[0]);
	close(p[1]);
	close(file);
}

static void test_ioctl(void)
{
	say("# ioctl");
	struct termios t;
	struct winsize w;
	int n = -1;
	int file = open("/in/text", O_RDONLY), null = open("/dev/null", O_RDWR);
	TRY(ioctl(0, TCGETS, &t));
	TRY(ioctl(1, TCGETS, &t));
	TRY(ioctl(1, TIOCGWINSZ, &w));
	TRY(ioctl(file, TCGETS, &t));
	TRY(ioctl(null, TCGETS, &t));
	TRY(ioctl(77, TCGETS, &t));
	must(lseek(file, 80, SEEK_SET) == 80);
	TRY(ioctl(file, FIONREAD, &n));
	say("%d", n);
	TRY(ioctl(file, FIONREAD, (void *)8));
	TRY(ioctl(null, FIONREAD, &n));
	TRY(ioctl(file, 0x12345678, &n));
	TRY(ioctl(77, FIONREAD, &n));
	TRY(ioctl(file, FIOCLEX));
	TRY(fcntl(file, F_GETFD));
	TRY(ioctl(file, FIONCLEX));
	TRY(fcntl(file, F_GETFD));
	close(file);
	close(null);
}

int main(void)
{
	test_pipe();
	test_poll();
	test_select();
	test_ioctl();
	return 0;
}
