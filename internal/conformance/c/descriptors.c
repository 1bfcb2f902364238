// descriptors: duplicates, flags, and the streams that a program starts
// with.
#include "facts.h"

static char buffer[100];

static void test_descriptors(void)
{
	say("# dup, fcntl");
	int fd = open("/tmp/rw", O_RDWR | O_CLOEXEC);
	TRY(dup(fd));
	TRY(dup(77));
	TRY(dup2(fd, 9));
	TRY(dup2(fd, fd));
	TRY(dup2(77, 9));
	TRY(dup2(77, 77));
	TRY(dup2(fd, -1));
	TRY(dup2(fd, 1 << 30));
	TRY(dup3(fd, 10, O_CLOEXEC));
	TRY(dup3(fd, fd, 0));
	TRY(dup3(fd, 11, O_APPEND));
	TRY(lseek(fd, 5, SEEK_SET));
	TRY(lseek(9, 0, SEEK_CUR));
	TRY(fcntl(fd, F_GETFD));
	TRY(fcntl(9, F_GETFD));
	TRY(fcntl(10, F_GETFD));
	TRY(fcntl(9, F_SETFD, FD_CLOEXEC));
	TRY(fcntl(9, F_GETFD));
	TRY(fcntl(fd, F_DUPFD, 20));
	TRY(fcntl(fd, F_DUPFD, 20));
	TRY(fcntl(fd, F_DUPFD_CLOEXEC, 20));
	TRY(fcntl(22, F_GETFD));
	TRY(fcntl(fd, F_DUPFD, -1));
	TRY(fcntl(fd, F_DUPFD, 1 << 30));
	TRY(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
	TRY(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
	TRY(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
	TRY(fcntl(9, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
	TRY(fcntl(fd, 9999));
	TRY(fcntl(77, F_GETFD));
	TRY(close(9));
	TRY(close(9));
	TRY(fcntl(fd, F_GETFL) & O_APPEND);
	TRY(close(-1));
	TRY(isatty(fd));
	TRY(isatty(0));
	int reused = open("/in/text", O_RDONLY);
	IS(reused == 5);
	TRY(close(3));
	IS(open("/in/text", O_RDONLY) == 3);
	for (int i = 3; i < 30; i++)
		close(i);
	say("# flags that F_GETFL gives");
	static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR | O_APPEND, O_WRONLY | O_CREAT | O_TRUNC, O_RDWR | O_NONBLOCK, O_RDONLY | O_CLOEXEC};
	for (size_t i = 0; i < LEN(flags); i++) {
		fd = open("/tmp/rw", flags[i], 0600);
		say("open %#x gives %#x", (unsigned)flags[i], fcntl(fd, F_GETFL) & ~0100000);
		close(fd);
	}
}

static void test_standard(void)
{
	say("# standard input");
	TRY(read(0, buffer, 6));
	TRY(read(0, buffer, sizeof buffer));
	TRY(read(0, buffer, sizeof buffer));
	TRY(pread(0, buffer, 1, 0));
	TRY(lseek(0, 0, SEEK_SET));
	TRY(write(2, "to standard error\n", 18));
}

int main(void)
{
	put("/tmp/rw", "some text that is read");
	test_descriptors();
	test_standard();
	return 0;
}
