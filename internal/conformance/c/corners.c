// corners: what random walks of file calls found, each as a case of its own, and
// what they leave out because a cell does otherwise on purpose.
#include "facts.h"
#include <signal.h>
#include <sys/file.h>

// The folder of the old name is looked up before the new folder's descriptor,
// also where the old name is as long as a path may be.
static void test_long_rename(void)
{
	static char name[4096];
	say("# rename of a long path");
	for (int i = 0; i < 4094; i += 2)
		memcpy(name + i, "./", 2);
	name[4094] = 'a';
	TRY(syscall(SYS_renameat2, AT_FDCWD, name, 77, "x", 0));
	memcpy(name, "no/", 3);
	TRY(syscall(SYS_renameat2, AT_FDCWD, name, 77, "x", 0));
	TRY(syscall(SYS_renameat2, AT_FDCWD, "/tmp/a", 77, "x", 0));
	TRY(syscall(SYS_renameat2, AT_FDCWD, "/nothing/a", 77, "x", 0));
}

// An offset that no file reaches is found before what the file is.
static void test_map_offset(void)
{
	int p[2], file = open("/tmp", O_RDONLY | O_DIRECTORY), out;
	must(file >= 0 && pipe(p) == 0);
	must((out = open("/tmp/out", O_WRONLY | O_CREAT, 0600)) >= 0);
	say("# mmap beyond all offsets");
	TRY(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, p[1], -PAGE));
	TRY(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, p[0], -PAGE));
	TRY(mmap(0, 2 * PAGE, PROT_READ, MAP_PRIVATE, file, -PAGE));
	TRY(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, out, -PAGE));
	TRY(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, out, 0));
	TRY(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, p[0], 1L << 62));
	close(p[0]);
	close(p[1]);
	close(file);
	close(out);
}

// Each pipe has locks of its own.
static void test_pipe_locks(void)
{
	int p[2], q[2];
	must(pipe(p) == 0 && pipe(q) == 0);
	say("# flock of pipes");
	TRY(flock(p[0], LOCK_EX | LOCK_NB));
	TRY(flock(q[0], LOCK_EX | LOCK_NB));
	TRY(flock(p[1], LOCK_EX | LOCK_NB));
	TRY(flock(0, LOCK_EX | LOCK_NB));
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(q[i]);
	}
}

// A write to a pipe from memory that ends: whole pages are taken.
static void test_pipe_fault(void)
{
	static char bytes[4 * PAGE];
	int p[2];
	char *m = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(m != MAP_FAILED && munmap(m + 2 * PAGE, PAGE) == 0 && pipe(p) == 0);
	say("# write to a pipe from memory that ends");
	TRY(write(p[1], m + 100, 3 * PAGE));
	TRY(read(p[0], bytes, sizeof bytes));
	TRY(write(p[1], m + 2 * PAGE - 1, 2));
	TRY(write(p[1], m + 2 * PAGE - 1, 1));
	TRY(read(p[0], bytes, sizeof bytes));
}

// Nothing from a pipe to a pipe is nothing; something is refused.
static void test_pipe_to_pipe(void)
{
	int p[2], q[2];
	must(pipe(p) == 0 && pipe(q) == 0);
	say("# sendfile from a pipe");
	TRY(syscall(SYS_sendfile, q[1], p[0], 0L, 0L));
	TRY(syscall(SYS_sendfile, p[1], p[0], 0L, 0L));
	int folder = open("/tmp", O_RDONLY | O_DIRECTORY);
	off_t at = 0;
	must(folder >= 0);
	TRY(syscall(SYS_sendfile, p[1], folder, &at, 0L));
	TRY(syscall(SYS_sendfile, p[1], folder, &at, 4095L));
	must(close(p[0]) == 0 && signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	TRY(syscall(SYS_sendfile, p[1], folder, &at, 0L));
	TRY(syscall(SYS_sendfile, p[1], folder, &at, 4095L));
	must(close(folder) == 0 && close(p[1]) == 0);
}

// Files in /tmp are as long as an offset can say.
static void test_largest(void)
{
	const long most = 0x7fffffffffffffff;
	int fd = open("/tmp/long", O_RDWR | O_CREAT, 0600);
	must(fd >= 0);
	say("# the largest file");
	TRY(lseek(fd, (1L << 44) - PAGE + 1, SEEK_SET));
	TRY(lseek(fd, 1L << 62, SEEK_SET));
	TRY(lseek(fd, most, SEEK_SET));
	TRY(lseek(fd, 1, SEEK_CUR));
	TRY(read(fd, &fd, 0));
	TRY(pwrite(fd, "four", 4, most - 3));
	TRY(fallocate(fd, 0, 0, 1L << 62));
	TRY(fallocate(fd, 0, 1L << 62, 1L << 62));
	TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1L << 62, PAGE));
	must(close(fd) == 0 && unlink("/tmp/long") == 0);
}

static void mode_of(const char *path)
{
	struct stat s;
	must(stat(path, &s) == 0);
	say("%s: mode %o", path, s.st_mode);
}

static void test_on_purpose(void)
{
	say("# what differs on purpose");
	put("/out/plain", "p");
	TRY(chmod("/out/plain", 06755));
	mode_of("/out/plain");
	must(unlink("/out/plain") == 0);
	put("/tmp/one", "1");
	put("/tmp/two", "22");
	TRY(syscall(SYS_renameat2, AT_FDCWD, "/tmp/one", AT_FDCWD, "/tmp/two", 2 /* EXCHANGE */));
	int fd = open("/tmp/holes", O_RDWR | O_CREAT, 0600);
	must(fd >= 0 && ftruncate(fd, 4 * PAGE) == 0 && pwrite(fd, "x", 1, 2 * PAGE) == 1);
	TRY(lseek(fd, 0, SEEK_DATA));
	TRY(lseek(fd, 0, SEEK_HOLE));
	TRY(lseek(fd, 2 * PAGE, SEEK_HOLE));
	char *m = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	must(m != MAP_FAILED);
	say("a mapped page at first: %d", *m);
	must(pwrite(fd, "y", 1, 0) == 1);
	say("and after a write to the file: %d", *m);
}

int main(void)
{
	test_long_rename();
	test_map_offset();
	test_pipe_locks();
	test_pipe_fault();
	test_pipe_to_pipe();
	test_largest();
	test_on_purpose();
	return 0;
}
