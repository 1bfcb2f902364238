// Calls that a trace can be compared by: traced FILE, which is made.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char buf[64];
	const char *text = "line one\tand \"more\"\n\0\1\2345 and a tail that is longer than what is shown";
	struct iovec v[2] = {{"ab", 2}, {"cde", 3}};
	struct timespec short_time = {0, 1000};

	open("/no/such/file", O_RDONLY);
	int fd = open(argv[1], O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	write(fd, text, 70);
	lseek(fd, 5, SEEK_SET);
	read(fd, buf, 10);
	pread(fd, buf, 4, 2);
	writev(fd, v, 2);
	ftruncate(fd, 3);
	lseek(fd, -1, SEEK_SET);
	dup(fd);
	fcntl(fd, F_GETFD);
	fcntl(fd, F_GETFL);
	read(77, buf, 1);
	close(fd);
	close(77);
	access(argv[1], R_OK | W_OK);
	mkdir("/no/such/folder", 0755);
	rename(argv[1], "/no/such/file");
	unlink(argv[1]);
	unlink(argv[1]);
	nanosleep(&short_time, 0);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &short_time, 0);
	mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mmap(0, 4096, PROT_READ, MAP_SHARED, 77, 0);
	umask(027);
	kill(getpid(), 0);
	syscall(SYS_exit_group, 5);
}
