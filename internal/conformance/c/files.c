// files: opening, reading, writing, positions, sizes, copies.
#include "facts.h"
#include <sys/sendfile.h>
#include <sys/uio.h>

#ifndef RWF_APPEND
#define RWF_APPEND 0x10
#endif

static char buffer[1 << 16];

static long pwritev2_(int fd, const struct iovec *v, int n, long off, int flags)
{
	return syscall(SYS_pwritev2, fd, v, (long)n, off, 0L, (long)flags);
}
static long preadv2_(int fd, const struct iovec *v, int n, long off, int flags)
{
	return syscall(SYS_preadv2, fd, v, (long)n, off, 0L, (long)flags);
}

static void test_open(void)
{
	say("# open");
	TRY(open("/in/text", O_RDONLY));
	TRY(open("/in/nothing", O_RDONLY));
	TRY(open("", O_RDONLY));
	TRY(open("/in/text/below", O_RDONLY));
	TRY(open("/in/text/", O_RDONLY));
	TRY(open("/in/text", O_WRONLY));
	TRY(open("/in/text", O_RDWR));
	TRY(open("/in/text", O_RDONLY | O_TRUNC));
	TRY(open("/in/new", O_WRONLY | O_CREAT, 0644));
	TRY(open("/in/text", O_RDONLY | O_CREAT, 0644));
	TRY(open("/in/text", O_WRONLY | O_CREAT | O_EXCL, 0644));
	TRY(open("/app/model", O_WRONLY));
	TRY(open("/app/new", O_WRONLY | O_CREAT, 0644));
	TRY(open("/in", O_RDONLY));
	TRY(open("/in", O_RDWR));
	TRY(open("/in", O_RDONLY | O_CREAT, 0644));
	TRY(open("/in/folder", O_WRONLY));
	TRY(open("/in/text", O_RDONLY | O_DIRECTORY));
	TRY(open("/in/folder", O_RDONLY | O_DIRECTORY));
	TRY(open("/tmp", O_WRONLY));
	TRY(open("/tmp", O_RDONLY | O_CREAT, 0600));
	TRY(open("/tmp/", O_WRONLY | O_CREAT, 0600));
	TRY(open("/tmp/new/", O_WRONLY | O_CREAT, 0600));
	TRY(open("/tmp/no/new", O_WRONLY | O_CREAT, 0600));
	for (int fd = 3; fd < 20; fd++)
		close(fd);
	TRY(open("/tmp/a", O_WRONLY | O_CREAT | O_EXCL, 0640));
	TRY(open("/tmp/a", O_WRONLY | O_CREAT | O_EXCL, 0640));
	TRY(open("/tmp/a", O_RDWR | O_CREAT, 0640));
	TRY(creat("/tmp/b", 0600));
	TRY(openat(AT_FDCWD, "/tmp/b", O_RDONLY));
	TRY(openat(77, "/tmp/b", O_RDONLY));
	TRY(openat(77, "b", O_RDONLY));
	TRY(openat(3, "b", O_RDONLY));
	for (int fd = 3; fd < 20; fd++)
		close(fd);
	int dir = open("/tmp", O_RDONLY | O_DIRECTORY);
	TRY(openat(dir, "b", O_RDONLY));
	TRY(openat(dir, "../tmp/b", O_RDONLY));
	TRY(openat(dir, "", O_RDONLY));
	TRY(open("/in/link", O_RDONLY | O_NOFOLLOW));
	TRY(open("/in/link", O_RDONLY));
	TRY(open("/in/absolute", O_RDONLY));
	TRY(open("/in/dangling", O_RDONLY));
	TRY(open("/in/dangling", O_RDONLY | O_CREAT, 0600));
	TRY(open("/in/dangling", O_RDONLY | O_CREAT | O_EXCL, 0600));
	TRY(open("/in/loop", O_RDONLY));
	TRY(open("/in/ping", O_RDONLY));
	TRY(open("/in/outside", O_RDONLY));
	TRY(open("/in/notafolder", O_RDONLY));
	TRY(open("/in/tofolder/inner", O_RDONLY));
	TRY(open("/in/tofolder/../text", O_RDONLY));
	TRY(open("/in/tofolder", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
	TRY(open("/in/tofolder/", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
	TRY(open("/../../in/./folder//inner", O_RDONLY));
	memset(buffer, 'n', 300);
	memcpy(buffer, "/tmp/", 5);
	buffer[5 + 255] = 0;
	OK(open(buffer, O_WRONLY | O_CREAT, 0600));
	TRY(unlink(buffer));
	memset(buffer, 'n', 300);
	memcpy(buffer, "/tmp/", 5);
	buffer[5 + 256] = 0;
	TRY(open(buffer, O_RDONLY));
	memset(buffer, '/', 5000);
	memcpy(buffer + 5000, "in/text", 8);
	TRY(open(buffer, O_RDONLY));
	OK(open(buffer + 5000 - 4000, O_RDONLY));
	for (int fd = 3; fd < 40; fd++)
		close(fd);
	TRY(open("/in/text", O_PATH));
	TRY(read(3, buffer, 1));
	TRY(close(3));
	TRY(open("/tmp/a", O_ACCMODE));
	TRY(close(3));
	// RDONLY and TRUNC on a file that may be written cuts it.
	put("/tmp/cut", "cut me");
	TRY(open("/tmp/cut", O_RDONLY | O_TRUNC));
	TRY(close(3));
	show("/tmp/cut");
}

static void test_read_write(void)
{
	say("# read and write");
	int fd = open("/tmp/rw", O_RDWR | O_CREAT | O_TRUNC, 0644);
	TRY(write(fd, "0123456789", 10));
	TRY(read(fd, buffer, 10));
	TRY(lseek(fd, 3, SEEK_SET));
	TRY(read(fd, buffer, 4));
	IS(memcmp(buffer, "3456", 4) == 0);
	TRY(read(fd, buffer, 100));
	IS(memcmp(buffer, "789", 3) == 0);
	TRY(read(fd, buffer, 100));
	TRY(read(fd, buffer, 0));
	TRY(write(fd, "", 0));
	TRY(pread(fd, buffer, 3, 5));
	TRY(pread(fd, buffer, 3, 9));
	TRY(pread(fd, buffer, 3, 10));
	TRY(pread(fd, buffer, 3, 1000));
	TRY(pread(fd, buffer, 3, -1));
	TRY(pwrite(fd, "AB", 2, 4));
	TRY(pwrite(fd, "AB", 2, -1));
	TRY(lseek(fd, 0, SEEK_CUR));
	TRY(pwrite(fd, "end", 3, 20));
	show("/tmp/rw");
	struct iovec v[3] = {{"one", 3}, {"", 0}, {"two", 3}};
	TRY(lseek(fd, 0, SEEK_SET));
	TRY(writev(fd, v, 3));
	TRY(writev(fd, v, 0));
	TRY(writev(fd, v, -1));
	TRY(writev(fd, v, 1025));
	TRY(pwritev(fd, v, 3, 30));
	TRY(pwritev(fd, v, 3, -3));
	TRY(pwritev2_(fd, v, 1, -1, 0));
	TRY(pwritev2_(fd, v, 1, 0, 0x4000));
	show("/tmp/rw");
	char a[4] = "", b[8] = "";
	struct iovec r[2] = {{a, 3}, {b, 6}};
	TRY(lseek(fd, 0, SEEK_SET));
	TRY(readv(fd, r, 2));
	say("%s %s", a, b);
	TRY(preadv(fd, r, 2, 30));
	say("%s %s", a, b);
	TRY(preadv(fd, r, 2, -1));
	TRY(preadv2_(fd, r, 2, -1, 0));
	TRY(lseek(fd, 0, SEEK_CUR));
	r[1].iov_len = (size_t)-1;
	TRY(readv(fd, r, 2));
	int ro = open("/tmp/rw", O_RDONLY), wo = open("/tmp/rw", O_WRONLY);
	int dir = open("/tmp", O_RDONLY);
	TRY(write(ro, "x", 1));
	TRY(pwrite(ro, "x", 1, 0));
	TRY(read(wo, buffer, 1));
	TRY(pread(wo, buffer, 1, 0));
	TRY(read(dir, buffer, 1));
	TRY(write(dir, "x", 1));
	TRY(lseek(dir, 0, SEEK_SET));
	TRY(read(1, buffer, 0) <= 0);
	close(ro);
	close(wo);
	close(dir);
	// A buffer that may not be written takes part of the file or nothing.
	TRY(lseek(fd, 0, SEEK_SET));
	TRY(read(fd, (void *)(uintptr_t)test_read_write, 4));
	TRY(read(fd, (void *)8, 4));
	TRY(write(fd, (void *)8, 4));
	TRY(lseek(fd, 0, SEEK_CUR));
	close(fd);
	// Larger than any one transfer inside.
	char *big = malloc(9 << 20);
	for (long i = 0; i < 9 << 20; i++)
		big[i] = (char)(i * 7 >> 3);
	fd = open("/out/big", O_RDWR | O_CREAT, 0644);
	TRY(write(fd, big, 9 << 20));
	char *back = malloc(9 << 20);
	TRY(pread(fd, back, 9 << 20, 0));
	IS(memcmp(big, back, 9 << 20) == 0);
	close(fd);
	TRY(unlink("/out/big"));
	free(big);
	free(back);
}

static void test_append(void)
{
	say("# append");
	put("/tmp/log", "start\n");
	int fd = open("/tmp/log", O_RDWR | O_APPEND);
	struct iovec v = {"v\n", 2};
	TRY(lseek(fd, 0, SEEK_CUR));
	TRY(write(fd, "w\n", 2));
	TRY(lseek(fd, 0, SEEK_CUR));
	TRY(lseek(fd, 1, SEEK_SET));
	TRY(writev(fd, &v, 1));
	TRY(pwrite(fd, "p\n", 2, 0));
	TRY(pwritev(fd, &v, 1, 0));
	TRY(lseek(fd, 0, SEEK_CUR));
	TRY(read(fd, buffer, 5));
	int other = open("/in/text", O_RDONLY);
	TRY(sendfile(fd, other, 0, 4));
	TRY(copy_file_range(other, 0, fd, 0, 4, 0));
	TRY(ftruncate(fd, 3));
	TRY(write(fd, "z\n", 2));
	show("/tmp/log");
	TRY(fcntl(fd, F_SETFL, 0));
	TRY(pwrite(fd, "P", 1, 0));
	TRY(fcntl(fd, F_SETFL, O_APPEND));
	TRY(pwrite(fd, "Q", 1, 0));
	show("/tmp/log");
	int plain = open("/tmp/log", O_RDWR);
	TRY(pwritev2_(plain, &v, 1, 0, RWF_APPEND));
	TRY(lseek(plain, 0, SEEK_CUR));
	show("/tmp/log");
	close(plain);
	close(other);
	close(fd);
	fd = open("/out/log", O_WRONLY | O_APPEND | O_CREAT, 0644);
	for (int i = 0; i < 3; i++)
		must(write(fd, "line\n", 5) == 5);
	TRY(pwrite(fd, "x\n", 2, 0));
	close(fd);
	show("/out/log");
}

static void test_seek(void)
{
	say("# lseek");
	int fd = open("/tmp/seek", O_RDWR | O_CREAT | O_TRUNC, 0644);
	must(write(fd, "0123456789", 10) == 10);
	TRY(lseek(fd, 4, SEEK_SET));
	TRY(lseek(fd, 2, SEEK_CUR));
	TRY(lseek(fd, -1, SEEK_END));
	TRY(lseek(fd, -11, SEEK_END));
	TRY(lseek(fd, -1, SEEK_SET));
	TRY(lseek(fd, 0, SEEK_CUR));
	TRY(lseek(fd, 5, SEEK_END));
	TRY(lseek(fd, 0, 9));
	TRY(lseek(fd, INT64_MAX, SEEK_SET));
	TRY(lseek(fd, 1, SEEK_CUR));
	TRY(lseek(fd, 1L << 40, SEEK_SET));
	TRY(lseek(fd, 0, SEEK_DATA));
	TRY(lseek(fd, 0, SEEK_HOLE));
	TRY(lseek(fd, 10, SEEK_DATA));
	TRY(lseek(fd, 10, SEEK_HOLE));
	TRY(lseek(fd, -1, SEEK_DATA));
	TRY(lseek(1, 0, SEEK_CUR));
	TRY(lseek(77, 0, SEEK_CUR));
	close(fd);
	fd = open("/dev/null", O_RDWR);
	TRY(lseek(fd, 100, SEEK_SET));
	TRY(lseek(fd, 0, SEEK_END));
	close(fd);
}

static void test_sizes(void)
{
	say("# truncate, fallocate");
	struct stat s;
	put("/tmp/size", "0123456789");
	TRY(truncate("/tmp/size", 4));
	show("/tmp/size");
	TRY(truncate("/tmp/size", 8));
	show("/tmp/size");
	TRY(truncate("/tmp/size", -1));
	TRY(truncate("/tmp/nothing", 0));
	TRY(truncate("/tmp", 0));
	TRY(truncate("/in/text", 0));
	TRY(truncate("/in/folder", 0));
	int fd = open("/tmp/size", O_RDWR), ro = open("/tmp/size", O_RDONLY);
	TRY(ftruncate(fd, 2));
	TRY(ftruncate(ro, 2));
	TRY(ftruncate(fd, -2));
	TRY(ftruncate(1, 0));
	TRY(fallocate(fd, 0, 0, 100));
	TRY(fstat(fd, &s));
	say("size %ld", (long)s.st_size);
	TRY(fallocate(fd, 1 /* KEEP_SIZE */, 0, 5000));
	TRY(fstat(fd, &s));
	say("size %ld", (long)s.st_size);
	TRY(fallocate(fd, 0, 0, 0));
	TRY(fallocate(fd, 0, -1, 10));
	TRY(fallocate(fd, 0, 10, -1));
	TRY(fallocate(ro, 0, 0, 10));
	TRY(fallocate(1, 0, 0, 10));
	TRY(fallocate(77, 0, 0, 10));
	TRY(fallocate(fd, 0x8000, 0, 10));
	TRY(posix_fallocate(fd, 0, 200));
	TRY(fstat(fd, &s));
	say("size %ld", (long)s.st_size);
	say("# fsync, fadvise");
	TRY(fsync(fd));
	TRY(fdatasync(fd));
	TRY(fsync(1));
	TRY(fsync(77));
	TRY(fdatasync(77));
	sync();
	TRY(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
	TRY(posix_fadvise(fd, 0, 0, 99));
	TRY(posix_fadvise(1, 0, 0, POSIX_FADV_NORMAL));
	TRY(posix_fadvise(77, 0, 0, POSIX_FADV_NORMAL));
	close(fd);
	close(ro);
}

static void test_copy(void)
{
	say("# sendfile, copy_file_range");
	int in = open("/in/text", O_RDONLY);
	int out = open("/out/copy", O_RDWR | O_CREAT | O_TRUNC, 0644);
	off_t at = 4;
	TRY(sendfile(out, in, 0, 9));
	TRY(lseek(in, 0, SEEK_CUR));
	TRY(sendfile(out, in, &at, 5));
	say("at %ld", (long)at);
	TRY(lseek(in, 0, SEEK_CUR));
	TRY(sendfile(out, in, 0, 100000));
	TRY(sendfile(out, in, 0, 100000));
	at = -1;
	TRY(sendfile(out, in, &at, 5));
	TRY(sendfile(in, out, 0, 5));
	TRY(sendfile(out, 77, 0, 5));
	TRY(sendfile(77, in, 0, 5));
	at = 0;
	TRY(sendfile(1, in, &at, 15));
	// Within one file system: /in and /out may lie on one or on two.
	close(in);
	put("/out/source", "what copy_file_range takes from\n");
	in = open("/out/source", O_RDONLY);
	off_t from = 0, to = 2;
	TRY(copy_file_range(in, &from, out, &to, 3, 0));
	say("from %ld to %ld", (long)from, (long)to);
	TRY(lseek(in, 0, SEEK_SET));
	TRY(copy_file_range(in, 0, out, 0, 6, 0));
	TRY(copy_file_range(in, 0, out, 0, 6, 1));
	TRY(copy_file_range(out, 0, in, 0, 6, 0));
	TRY(copy_file_range(in, 0, 1, 0, 6, 0));
	int other = open("/tmp/rw", O_RDONLY);
	TRY(copy_file_range(other, 0, out, 0, 6, 0));
	close(other);
	TRY(copy_file_range(77, 0, out, 0, 6, 0));
	from = 1;
	to = 3;
	TRY(copy_file_range(out, &from, out, &to, 10, 0));
	from = 0;
	to = 50;
	TRY(copy_file_range(out, &from, out, &to, 10, 0));
	close(in);
	close(out);
	show("/out/copy");
}

int main(void)
{
	test_open();
	test_read_write();
	test_append();
	test_seek();
	test_sizes();
	test_copy();
	return 0;
}
