// locks: flock(2) on whole files, record locks of the process and of open file
// descriptions, and long walks of record locks from a seed.
#include "facts.h"
#include "draw.h"
#include <sys/file.h>

#ifndef F_OFD_GETLK
#define F_OFD_GETLK 36
#define F_OFD_SETLK 37
#endif

static void test_locks(void)
{
	say("# locks");
	int a = open("/tmp/rw", O_RDWR), b = open("/tmp/rw", O_RDWR), ro = open("/tmp/rw", O_RDONLY);
	TRY(flock(a, LOCK_EX | LOCK_NB));
	TRY(flock(b, LOCK_SH | LOCK_NB));
	TRY(flock(a, LOCK_SH | LOCK_NB));
	TRY(flock(b, LOCK_SH | LOCK_NB));
	TRY(flock(b, LOCK_EX | LOCK_NB));
	TRY(flock(a, LOCK_UN));
	TRY(flock(b, LOCK_EX | LOCK_NB));
	TRY(close(b));
	TRY(flock(a, LOCK_EX | LOCK_NB));
	TRY(flock(a, 99));
	TRY(flock(77, LOCK_SH));
	TRY(flock(a, LOCK_UN));
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
	TRY(fcntl(a, F_SETLK, &l));
	TRY(fcntl(a, F_GETLK, &l));
	IS(l.l_type == F_UNLCK);
	l.l_type = F_RDLCK;
	TRY(fcntl(ro, F_SETLK, &l));
	l.l_type = F_WRLCK;
	TRY(fcntl(ro, F_SETLK, &l));
	l.l_type = 7;
	TRY(fcntl(a, F_SETLK, &l));
	l.l_type = F_WRLCK;
	l.l_whence = 9;
	TRY(fcntl(a, F_SETLK, &l));
	l.l_whence = SEEK_SET;
	l.l_start = -5;
	TRY(fcntl(a, F_SETLK, &l));
	l.l_start = 0;
	TRY(fcntl(77, F_SETLK, &l));
	l.l_type = F_UNLCK;
	TRY(fcntl(a, F_SETLKW, &l));
	TRY(fcntl(a, F_SETLK, 8));
	close(a);
	close(ro);
}

// A walk: three descriptions of one file take, change, give back and look for
// locks on few bytes, so that locks meet, split and join.
#define BYTES 24

static void walk_locks(unsigned seed, int steps)
{
	static const int commands[] = {F_SETLK, F_OFD_SETLK, F_OFD_SETLK, F_OFD_SETLK, F_GETLK, F_OFD_GETLK, F_OFD_GETLK};
	int fds[3];
	say("# walk %u", seed);
	state = seed * 7919 + 1;
	for (size_t i = 0; i < LEN(fds); i++)
		must((fds[i] = open("/tmp/rw", O_RDWR)) >= 0);
	for (int step = 0; step < steps; step++) {
		int fd = any(LEN(fds)), command = commands[any(LEN(commands))];
		long at = any(BYTES);
		struct flock l = {.l_type = any(3), .l_start = at, .l_len = any(8) ? 1 + any(BYTES - at) : 0};
		int r = fcntl(fds[fd], command, &l);
		say("%d %d: %s {%d %d %ld %ld %d}", fd, command, r ? errno_name(errno) : "ok", l.l_type, l.l_whence, (long)l.l_start, (long)l.l_len, l.l_pid > 0);
	}
	for (size_t i = 0; i < LEN(fds); i++)
		close(fds[i]);
}

int main(void)
{
	put("/tmp/rw", "some text that is locked");
	test_locks();
	for (unsigned seed = 0; seed < 8; seed++)
		walk_locks(seed, 200);
	return 0;
}
