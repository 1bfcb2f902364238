// facts.h: what the conformance programs share.
//
// A program prints facts, one a line: the call as it is written in the source
// and what it returned (a number, or the name of errno). It never prints what
// may differ between two honest machines: addresses, times, inode numbers,
// process ids. So two runs on Linux print the same, and so must a cell.
//
// Lines leave by one write(2) each: a program that dies by a signal has still
// said everything up to there.
#ifndef FACTS_H
#define FACTS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define PAGE 4096L
#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline void say(const char *format, ...)
{
	char line[2048];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(line, sizeof line - 1, format, args);
	va_end(args);
	if (n < 0)
		_exit(99);
	if (n > (int)sizeof line - 2)
		n = sizeof line - 2;
	line[n++] = '\n';
	for (int done = 0; done < n;) {
		ssize_t w = write(1, line + done, n - done);
		if (w < 0)
			_exit(98);
		done += w;
	}
}

static inline const char *errno_name(int e)
{
	static char other[24];
#define NAME(x) case x: return #x;
	switch (e) {
	NAME(EPERM) NAME(ENOENT) NAME(ESRCH) NAME(EINTR) NAME(EIO) NAME(ENXIO)
	NAME(E2BIG) NAME(ENOEXEC) NAME(EBADF) NAME(ECHILD) NAME(EAGAIN)
	NAME(ENOMEM) NAME(EACCES) NAME(EFAULT) NAME(EBUSY) NAME(EEXIST)
	NAME(EXDEV) NAME(ENODEV) NAME(ENOTDIR) NAME(EISDIR) NAME(EINVAL)
	NAME(ENFILE) NAME(EMFILE) NAME(ENOTTY) NAME(ETXTBSY) NAME(EFBIG)
	NAME(ENOSPC) NAME(ESPIPE) NAME(EROFS) NAME(EMLINK) NAME(EPIPE)
	NAME(EDOM) NAME(ERANGE) NAME(EDEADLK) NAME(ENAMETOOLONG) NAME(ENOLCK)
	NAME(ENOSYS) NAME(ENOTEMPTY) NAME(ELOOP) NAME(ENODATA) NAME(EOVERFLOW)
	NAME(ENOTSOCK) NAME(EOPNOTSUPP) NAME(ETIMEDOUT) NAME(EILSEQ)
	}
#undef NAME
	snprintf(other, sizeof other, "errno %d", e);
	return other;
}

// fact prints a call and its result; it gives the result back.
static inline long fact(const char *call, long result)
{
	if (result == -1)
		say("%s = %s", call, errno_name(errno));
	else
		say("%s = %ld", call, result);
	return result;
}

// TRY prints the call and the number it returned or its errno.
#define TRY(call) (errno = 0, fact(#call, (long)(call)))

// OK is TRY for a call whose result is an address, an id or a time: it prints
// "ok" in its place.
static inline long fact_ok(const char *call, long result)
{
	if (result == -1)
		say("%s = %s", call, errno_name(errno));
	else
		say("%s = ok", call);
	return result;
}
#define OK(call) (errno = 0, fact_ok(#call, (long)(call)))

// IS prints whether a condition holds.
#define IS(condition) say("%s: %s", #condition, (condition) ? "yes" : "no")

// must ends the program when the preparation of a case fails.
#define must(condition)                                                        \
	do {                                                                   \
		if (!(condition)) {                                            \
			say("cannot go on, line %d: %s: %s", __LINE__,         \
			    #condition, errno_name(errno));                    \
			_exit(97);                                             \
		}                                                              \
	} while (0)

// readable says whether the kernel can read the byte at an address: it asks
// by write(2), so an address that is not mapped costs no signal.
static inline int readable(const volatile void *address)
{
	static int fd[2] = {-1, -1};
	char byte;
	if (fd[0] < 0) {
		// High numbers: the program's own descriptors count from 3.
		int raw[2];
		must(pipe(raw) == 0);
		fd[0] = fcntl(raw[0], F_DUPFD, 100);
		fd[1] = fcntl(raw[1], F_DUPFD, 100);
		must(fd[0] >= 0 && fd[1] >= 0);
		close(raw[0]);
		close(raw[1]);
	}
	if (write(fd[1], (const void *)address, 1) != 1)
		return 0;
	return read(fd[0], &byte, 1) == 1;
}

// writable says whether the kernel can write the byte at an address, by a
// read(2) that puts back what is there.
static inline int writable(volatile void *address)
{
	static int fd[2] = {-1, -1};
	char byte = 0;
	if (fd[0] < 0) {
		int raw[2];
		must(pipe(raw) == 0);
		fd[0] = fcntl(raw[0], F_DUPFD, 110);
		fd[1] = fcntl(raw[1], F_DUPFD, 110);
		must(fd[0] >= 0 && fd[1] >= 0);
		close(raw[0]);
		close(raw[1]);
	}
	if (readable(address))
		byte = *(volatile char *)address;
	must(write(fd[1], &byte, 1) == 1);
	if (read(fd[0], (void *)address, 1) == 1)
		return 1;
	must(read(fd[0], &byte, 1) == 1);
	return 0;
}

// put makes a file with the given content.
static inline void put(const char *path, const char *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	must(fd >= 0);
	size_t n = strlen(content);
	must(write(fd, content, n) == (ssize_t)n);
	must(close(fd) == 0);
}

// show prints what a file holds, as text with zeros as dots.
static inline void show(const char *path)
{
	char text[512];
	int fd = open(path, O_RDONLY);
	if (fd < 0) {
		say("%s: %s", path, errno_name(errno));
		return;
	}
	ssize_t n = read(fd, text, sizeof text - 1);
	must(n >= 0);
	close(fd);
	for (ssize_t i = 0; i < n; i++)
		if (text[i] < 32)
			text[i] = text[i] == 0 ? '.' : '~';
	text[n] = 0;
	say("%s: %zd [%s]", path, n, text);
}

// sum is FNV-1a over bytes: a short name for a long content.
static inline uint64_t sum(const void *bytes, size_t n)
{
	const unsigned char *b = bytes;
	uint64_t h = 1469598103934665603ULL;
	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 1099511628211ULL;
	return h;
}

// describe prints what of a path's attributes is the same everywhere.
static inline void describe(const char *path)
{
	struct stat s;
	if (lstat(path, &s) < 0) {
		say("%s: %s", path, errno_name(errno));
		return;
	}
	long size = S_ISDIR(s.st_mode) ? -1 : (long)s.st_size;
	int links = S_ISDIR(s.st_mode) ? -1 : (int)s.st_nlink;
	say("%s: mode %o uid %d gid %d size %ld links %d", path, s.st_mode, s.st_uid, s.st_gid, size, links);
}

// mount_of is the mount that a descriptor's file lies in (its device where the
// kernel gives none; 0 for what has none). It tells file systems apart that
// stat does not: natively those of a test are one, mounted several times.
static inline uint64_t mount_of(int fd)
{
	uint64_t x[32] = {0};
	if (syscall(SYS_statx, (long)fd, "", (long)AT_EMPTY_PATH, 0x1000L, x) < 0)
		return 0;
	return (uint32_t)x[0] & 0x1000 ? x[18] : x[17];
}

#endif
