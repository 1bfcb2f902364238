// attributes: what may be done to a file, its times, and what stat says.
#include "facts.h"
#include <sys/statfs.h>
#include <sys/time.h>
#include <utime.h>

#define EVERY 0x7ff

struct linux_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare;
	uint64_t ino, size, blocks, attributes_mask;
	struct { int64_t sec; uint32_t nsec; int32_t pad; } atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t more[14];
};

static long statx_(int at, const char *path, int flags, unsigned mask, struct linux_statx *s)
{
	return syscall(SYS_statx, (long)at, path, (long)flags, (long)mask, s);
}

static void test_access(void)
{
	say("# access");
	TRY(access("/in/text", F_OK));
	TRY(access("/in/text", R_OK));
	TRY(access("/in/text", W_OK));
	TRY(access("/in/text", X_OK));
	TRY(access("/in/folder", X_OK));
	TRY(access("/in/nothing", F_OK));
	TRY(access("/in/text/x", F_OK));
	TRY(access("/in/loop", F_OK));
	TRY(access("/app/model", W_OK));
	TRY(access("/out", W_OK | X_OK));
	TRY(access("/tmp", 8));
	TRY(faccessat(AT_FDCWD, "/in/text", R_OK, 0));
	TRY(faccessat(77, "text", R_OK, 0));
	TRY(syscall(439 /* faccessat2 */, AT_FDCWD, "/in/text", R_OK, AT_EACCESS));
	TRY(syscall(439, AT_FDCWD, "/in/text", R_OK, 0x4000));
	TRY(syscall(439, AT_FDCWD, "/in/dangling", F_OK, AT_SYMLINK_NOFOLLOW));
}

static void test_modes(void)
{
	say("# umask, chmod, chown");
	TRY(umask(027));
	close(open("/tmp/m", O_CREAT | O_WRONLY, 0666));
	describe("/tmp/m");
	must(mkdir("/tmp/md", 0777) == 0);
	describe("/tmp/md");
	close(open("/out/m", O_CREAT | O_WRONLY, 0777));
	describe("/out/m");
	TRY(umask(01000));
	TRY(umask(022));
	TRY(chmod("/tmp/m", 0400));
	describe("/tmp/m");
	TRY(open("/tmp/m", O_WRONLY) > 0);
	TRY(chmod("/tmp/m", 04711));
	describe("/tmp/m");
	TRY(chmod("/out/m", 0604));
	describe("/out/m");
	TRY(chmod("/tmp/md", 01700));
	describe("/tmp/md");
	TRY(chmod("/in/text", 0600));
	TRY(chmod("/in/nothing", 0600));
	TRY(chmod("/tmp/nothing", 0600));
	TRY(chmod("/tmp/m", 0170000 | 0644));
	describe("/tmp/m");
	int fd = open("/tmp/m", O_RDONLY);
	TRY(fchmod(fd, 0640));
	TRY(fchmod(77, 0640));
	TRY(fchmodat(AT_FDCWD, "/tmp/m", 0644, 0));
	describe("/tmp/m");
	TRY(access("/tmp/m", X_OK));
	TRY(access("/tmp/m", W_OK));
	close(fd);
}

static void times(const char *path)
{
	struct stat s;
	must(stat(path, &s) == 0);
	say("%s: accessed %ld.%09ld modified %ld.%09ld", path, (long)s.st_atim.tv_sec, s.st_atim.tv_nsec,
	    (long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
}

static void test_times(void)
{
	say("# utimensat");
	put("/tmp/t", "t");
	struct timespec ts[2] = {{1000000000, 123456789}, {1100000000, 987654321}};
	TRY(utimensat(AT_FDCWD, "/tmp/t", ts, 0));
	times("/tmp/t");
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_sec = 1200000000;
	TRY(utimensat(AT_FDCWD, "/tmp/t", ts, 0));
	times("/tmp/t");
	ts[0].tv_nsec = 1000000000;
	TRY(utimensat(AT_FDCWD, "/tmp/t", ts, 0));
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_nsec = UTIME_OMIT;
	TRY(utimensat(AT_FDCWD, "/tmp/t", ts, 0));
	TRY(utimensat(AT_FDCWD, "/tmp/nothing", ts, 0));
	ts[0].tv_nsec = ts[1].tv_nsec = 0;
	TRY(utimensat(AT_FDCWD, "/tmp/nothing", ts, 0));
	TRY(utimensat(AT_FDCWD, "/in/text", ts, 0));
	TRY(utimensat(AT_FDCWD, "/tmp/t", ts, 0x4000));
	TRY(utimensat(77, "t", ts, 0));
	int fd = open("/tmp/t", O_RDWR);
	ts[0].tv_sec = 5;
	ts[1].tv_sec = 6;
	TRY(futimens(fd, ts));
	times("/tmp/t");
	TRY(futimens(77, ts));
	TRY(write(fd, "x", 1));
	struct stat s;
	must(fstat(fd, &s) == 0);
	IS(s.st_mtim.tv_sec > 1600000000);
	IS(s.st_atim.tv_sec == 5);
	IS(s.st_ctim.tv_sec > 1600000000);
	close(fd);
	TRY(utimensat(AT_FDCWD, "/tmp/t", 0, 0));
	put("/out/t", "t");
	TRY(utimensat(AT_FDCWD, "/out/t", ts, 0));
	times("/out/t");
	// What was read has been accessed at times of its own.
	must(stat("/in/text", &s) == 0);
	say("/in/text: modified %ld.%09ld", (long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
	must(stat("/in/folder", &s) == 0);
	say("/in/folder: modified %ld.%09ld", (long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
}

static void test_mounts(void)
{
	say("# mounts");
	int ends[2], folder = open("/", O_RDONLY), in = open("/in", O_RDONLY), text = open("/in/text", O_RDONLY), out = open("/out", O_RDONLY);
	must(pipe(ends) == 0);
	IS(mount_of(in) == mount_of(text));
	IS(mount_of(in) == mount_of(folder));
	IS(mount_of(in) == mount_of(out));
	IS(mount_of(ends[0]) == mount_of(ends[1]));
	IS(mount_of(ends[0]) == mount_of(folder));
	close(folder), close(in), close(text), close(out), close(ends[0]), close(ends[1]);
}

static void test_stat(void)
{
	say("# stat");
	static const char *const paths[] = {
		"/in/text", "/in/empty", "/in/folder", "/in/folder/deep/leaf", "/in/dangling",
		"/in/none", "/app/model", "/data/kept", "/in", "/out", "/data", "/app",
		"/in/nothing", "/in/text/x", "", "/in/text/", "/in/folder/", "/in/folder/.",
	};
	for (size_t i = 0; i < LEN(paths); i++)
		describe(paths[i]);
	struct stat a, b;
	TRY(stat("/in/link", &a));
	TRY(stat("/in/text", &b));
	IS(a.st_ino == b.st_ino && a.st_dev == b.st_dev && S_ISREG(a.st_mode));
	TRY(lstat("/in/link", &b));
	IS(a.st_ino != b.st_ino && S_ISLNK(b.st_mode) && b.st_size == 4);
	TRY(stat("/in/dangling", &a));
	TRY(stat("/in/loop", &a));
	TRY(lstat("/in/loop", &a));
	int fd = open("/in/text", O_RDONLY);
	TRY(fstat(fd, &a));
	TRY(stat("/in/text", &b));
	IS(a.st_ino == b.st_ino && a.st_size == b.st_size);
	IS(a.st_blksize > 0 && a.st_blksize % 512 == 0);
	TRY(fstat(77, &a));
	TRY(fstat(0, &a));
	IS(S_ISFIFO(a.st_mode));
	TRY(fstat(1, &a));
	IS(S_ISFIFO(a.st_mode));
	TRY(fstatat(AT_FDCWD, "/in/link", &a, AT_SYMLINK_NOFOLLOW));
	IS(S_ISLNK(a.st_mode));
	TRY(fstatat(fd, "", &a, AT_EMPTY_PATH));
	IS(S_ISREG(a.st_mode));
	TRY(syscall(SYS_newfstatat, fd, "", &a, 0));
	TRY(syscall(SYS_newfstatat, fd, "x", &a, 0));
	TRY(syscall(SYS_newfstatat, 77, "x", &a, 0));
	TRY(syscall(SYS_newfstatat, 77, "/in/text", &a, 0));
	TRY(syscall(SYS_newfstatat, AT_FDCWD, "/in/text", &a, 0x40000));
	struct linux_statx x;
	memset(&x, 255, sizeof x);
	TRY(statx_(AT_FDCWD, "/in/text", 0, EVERY, &x));
	say("statx: basic %d mode %o size %lu links %u uid %u modified %ld", (x.mask & 0x7ff) == 0x7ff, x.mode,
	    (unsigned long)x.size, x.nlink, x.uid, (long)x.mtime.sec);
	must(stat("/in/text", &b) == 0);
	IS(x.ino == b.st_ino);
	TRY(statx_(AT_FDCWD, "/in/link", AT_SYMLINK_NOFOLLOW, EVERY, &x));
	IS(S_ISLNK(x.mode));
	TRY(statx_(fd, "", AT_EMPTY_PATH, EVERY, &x));
	TRY(statx_(fd, "", 0, EVERY, &x));
	TRY(statx_(AT_FDCWD, "/in/nothing", 0, EVERY, &x));
	TRY(statx_(77, "x", 0, EVERY, &x));
	TRY(statx_(AT_FDCWD, "/in/text", 0x40000, EVERY, &x));
	TRY(statx_(AT_FDCWD, "/in/text", 0, 0x80000000, &x));
	TRY(statx_(AT_FDCWD, "/in/text", 0x6000, EVERY, &x));
	TRY(statx_(AT_FDCWD, "/in/text", 0, EVERY, (void *)8));
	test_mounts();
	say("# statfs");
	struct statfs f;
	TRY(statfs("/in/text", &f));
	IS(f.f_bsize > 0 && f.f_namelen == 255);
	TRY(statfs("/tmp", &f));
	IS(f.f_bsize == 4096 && f.f_type == 0x01021994 && f.f_namelen == 255);
	IS(f.f_bfree <= f.f_blocks && f.f_bavail <= f.f_blocks);
	TRY(statfs("/nothing", &f));
	TRY(fstatfs(fd, &f));
	TRY(fstatfs(77, &f));
	TRY(syscall(SYS_statfs, "/tmp", 8));
	close(fd);
}

int main(void)
{
	test_access();
	test_modes();
	test_times();
	test_stat();
	return 0;
}
