// errno: every call with arguments that are wrong one at a time, and some that
// are wrong in two ways at once, so that the order of the checks shows.
#include "facts.h"
#include <poll.h>
#include <sys/uio.h>
#include <time.h>

#define BAD 8L			    // an address in the null page
#define WILD 0x1234567812345678L    // not canonical
#define KERNEL (-4096L * 256)	    // in the kernel's half
#define HUGE_ (1L << 62)

static char name[] = "/tmp/errno", missing[] = "/tmp/missing", in_text[] = "/in/text";
static char room[4096];
static struct iovec one = {room, 4}, wild = {(void *)BAD, 4}, negative = {room, (size_t)-1}, none = {0, 0};
static struct iovec mixed[2] = {{room, 4}, {(void *)BAD, 4}};
static struct timespec zero_time, odd_time = {0, 1000000000};
static struct pollfd asked = {77, POLLIN, 0};

// Descriptors that main opens before anything else.
#define FILE_ 3L   // /tmp/errno, read and write
#define RO 4L	   // /in/text
#define WO 5L	   // /tmp/errno, write only
#define DIR_ 6L	   // /in
#define PIPE_R 7L
#define PIPE_W 8L
#define NULL_ 9L   // /dev/null
#define NO 77L

#define P(x) ((long)(uintptr_t)(x))
#define CASE(call, ...) {#call " " #__VA_ARGS__, SYS_##call, {__VA_ARGS__}}

static const struct {
	const char *label;
	long number;
	long args[6];
} cases[] = {
	CASE(read, NO, P(room), 1), CASE(read, NO, BAD, 1), CASE(read, -1, P(room), 1), CASE(read, FILE_, BAD, 1),
	CASE(read, FILE_, WILD, 1), CASE(read, FILE_, KERNEL, 1), CASE(read, FILE_, P(room), -1),
	CASE(read, FILE_, BAD, 0), CASE(read, WO, BAD, 1), CASE(read, DIR_, BAD, 1), CASE(read, NULL_, BAD, 1),
	CASE(read, PIPE_W, P(room), 1), CASE(read, 1L << 32 | FILE_, P(room), 0), CASE(read, 0x7fffffff, P(room), 1),
	CASE(write, NO, P(room), 1), CASE(write, FILE_, BAD, 1), CASE(write, FILE_, WILD, 1), CASE(write, FILE_, KERNEL, 1),
	CASE(write, FILE_, P(room), -1), CASE(write, RO, P(room), 1), CASE(write, RO, BAD, 1), CASE(write, NULL_, BAD, 1),
	CASE(write, PIPE_W, BAD, 1), CASE(write, PIPE_R, P(room), 1), CASE(write, DIR_, P(room), 1), CASE(write, FILE_, BAD, 0),
	CASE(pread64, NO, P(room), 1, -1), CASE(pread64, FILE_, P(room), 1, -1), CASE(pread64, PIPE_R, P(room), 1, -1),
	CASE(pread64, PIPE_R, P(room), 1, 0), CASE(pread64, WO, P(room), 1, 0), CASE(pread64, FILE_, BAD, 1, 0),
	CASE(pread64, FILE_, P(room), 1, HUGE_), CASE(pread64, FILE_, P(room), -1, 0),
	CASE(pwrite64, NO, P(room), 1, 0), CASE(pwrite64, FILE_, P(room), 1, -1), CASE(pwrite64, PIPE_W, P(room), 1, 0),
	CASE(pwrite64, RO, P(room), 1, 0), CASE(pwrite64, FILE_, BAD, 1, 0), CASE(pwrite64, FILE_, P(room), 0, 5),
	CASE(readv, NO, P(&one), 1), CASE(readv, FILE_, BAD, 1), CASE(readv, FILE_, P(&wild), 1), CASE(readv, FILE_, P(&negative), 1),
	CASE(readv, FILE_, P(&one), 1L << 40), CASE(writev, WO, P(&one), 1L << 40), CASE(readv, FILE_, P(&one), (1L << 32) + 1),
	CASE(preadv2, FILE_, P(&one), 1L << 40, 0, 0, 0), CASE(readv, FILE_, P(&one), -1), CASE(readv, FILE_, P(&one), 1025), CASE(readv, FILE_, P(&one), 0), CASE(readv, FILE_, P(&none), 1),
	CASE(readv, WO, P(&one), 1), CASE(readv, WO, BAD, 1), CASE(readv, DIR_, P(&one), 1), CASE(readv, FILE_, BAD, 0),
	CASE(writev, NO, P(&one), 1), CASE(writev, FILE_, BAD, 1), CASE(writev, FILE_, P(&wild), 1), CASE(writev, FILE_, P(&negative), 1),
	CASE(writev, FILE_, P(&one), -1), CASE(writev, FILE_, P(&one), 1025), CASE(writev, RO, P(&one), 1), CASE(writev, FILE_, P(mixed), 2),
	CASE(preadv, NO, P(&one), 1, 0), CASE(preadv, FILE_, P(&one), 1, -1), CASE(preadv, PIPE_R, P(&one), 1, 0), CASE(preadv, FILE_, BAD, 1, 0),
	CASE(pwritev, NO, P(&one), 1, 0), CASE(pwritev, FILE_, P(&one), 1, -1), CASE(pwritev, PIPE_W, P(&one), 1, 0), CASE(pwritev, RO, P(&one), 1, 0),
	CASE(preadv2, FILE_, P(&one), 1, 0, 0, 0x8000), CASE(preadv2, FILE_, P(&one), 1, -2, 0, 0), CASE(pwritev2, FILE_, P(&one), 1, -2, 0, 0),
	CASE(open, BAD, 0, 0), CASE(open, 0, 0, 0), CASE(open, 1, 0, 0), CASE(open, WILD, 0, 0), CASE(open, KERNEL, 0, 0),
	CASE(open, P(missing), 0, 0), CASE(open, P(name), O_CREAT | O_DIRECTORY, 0600), CASE(open, P(name), O_DIRECTORY, 0),
	CASE(open, P(in_text), O_WRONLY, 0), CASE(open, P(""), O_CREAT, 0600), CASE(open, P(name), O_TMPFILE, 0600),
	CASE(openat, NO, BAD, 0, 0), CASE(openat, NO, P("x"), 0, 0), CASE(openat, FILE_, P("x"), 0, 0), CASE(openat, DIR_, P("missing"), 0, 0),
	CASE(openat, NO, P(missing), 0, 0), CASE(openat, DIR_, P(""), 0, 0), CASE(openat, NO, P(""), 0, 0), CASE(creat, BAD, 0600), CASE(creat, P("/in/x"), 0600), CASE(creat, P("/tmp"), 0600),
	CASE(close, NO), CASE(close, -1), CASE(close, 0x7fffffff),
	CASE(lseek, NO, 0, 0), CASE(lseek, NO, 0, 99), CASE(lseek, FILE_, 0, 99), CASE(lseek, FILE_, -1, 0), CASE(lseek, FILE_, HUGE_, 0), CASE(lseek, PIPE_R, 0, 0), CASE(lseek, PIPE_R, 0, 99),
	CASE(lseek, FILE_, 0, 0),
	CASE(stat, BAD, P(room)), CASE(stat, P(name), BAD), CASE(stat, P(missing), BAD), CASE(stat, BAD, BAD), CASE(stat, P(""), P(room)), CASE(lstat, P(name), BAD),
	CASE(fstat, NO, P(room)), CASE(fstat, NO, BAD), CASE(fstat, FILE_, BAD), CASE(fstat, FILE_, KERNEL),
	CASE(newfstatat, NO, P("x"), P(room), 0), CASE(newfstatat, DIR_, P("text"), BAD, 0), CASE(newfstatat, DIR_, P("text"), P(room), -1), CASE(newfstatat, DIR_, BAD, P(room), 0),
	CASE(newfstatat, FILE_, P(""), P(room), AT_EMPTY_PATH), CASE(newfstatat, NO, P(""), P(room), AT_EMPTY_PATH), CASE(newfstatat, FILE_, 0, P(room), AT_EMPTY_PATH),
	CASE(statx, NO, P("x"), 0, 0x7ff, P(room)), CASE(statx, DIR_, P("text"), -1, 0x7ff, P(room)), CASE(statx, DIR_, P("text"), 0, 0x80000000, P(room)), CASE(statx, DIR_, P("missing"), 0, 0x7ff, BAD), CASE(statx, DIR_, P("text"), 0, 0x7ff, BAD), CASE(statx, DIR_, BAD, 0, 0x7ff, P(room)), CASE(statx, DIR_, BAD, 0, 0x80000000, P(room)),
	CASE(getdents64, NO, P(room), 4096), CASE(getdents64, FILE_, P(room), 4096), CASE(getdents64, FILE_, BAD, 4096), CASE(getdents64, DIR_, BAD, 4096), CASE(getdents64, DIR_, P(room), 0), CASE(getdents64, DIR_, P(room), 19),
	CASE(access, BAD, 0), CASE(access, P(missing), 8), CASE(access, P(name), 8), CASE(access, P(name), -1), CASE(faccessat, NO, P("x"), 0), CASE(faccessat, NO, P("x"), 8),
	CASE(readlink, BAD, P(room), 10), CASE(readlink, P("/in/link"), BAD, 10), CASE(readlink, P("/in/link"), P(room), 0), CASE(readlink, P(missing), P(room), 0), CASE(readlink, P(name), BAD, 10), CASE(readlinkat, NO, P("x"), P(room), 10), CASE(readlinkat, FILE_, P(""), P(room), 10), CASE(readlinkat, NO, P(""), P(room), 10),
	CASE(rename, BAD, P(name)), CASE(rename, P(name), BAD), CASE(rename, P(missing), BAD), CASE(rename, P(missing), P(name)), CASE(rename, P(name), P("/in/x")), CASE(renameat, NO, P("x"), NO, P("y")), CASE(renameat2, AT_FDCWD, P(name), AT_FDCWD, P(missing), 0x100), CASE(renameat2, AT_FDCWD, BAD, AT_FDCWD, BAD, 0x100), CASE(renameat2, AT_FDCWD, P(missing), AT_FDCWD, P(name), 1),
	CASE(unlink, BAD), CASE(unlink, P(missing)), CASE(unlink, P("/")), CASE(unlinkat, NO, P("x"), 0), CASE(unlinkat, NO, P("x"), 1), CASE(unlinkat, DIR_, P("folder"), 0), CASE(unlinkat, DIR_, P("text"), AT_REMOVEDIR),
	CASE(mkdir, BAD, 0700), CASE(mkdir, P(name), 0700), CASE(mkdir, P("/in/folder"), 0700), CASE(mkdirat, NO, P("x"), 0700), CASE(rmdir, BAD), CASE(rmdir, P(missing)), CASE(rmdir, P(name)), CASE(rmdir, P("/in/folder")),
	CASE(truncate, BAD, 0), CASE(truncate, P(missing), 0), CASE(truncate, P(missing), -1), CASE(truncate, P(name), -1), CASE(truncate, P("/in/text"), -1), CASE(ftruncate, NO, 0), CASE(ftruncate, NO, -1), CASE(ftruncate, RO, 0), CASE(ftruncate, RO, -1), CASE(ftruncate, DIR_, 0), CASE(ftruncate, PIPE_W, 0), CASE(ftruncate, NULL_, 0),
	CASE(fsync, NO), CASE(fsync, PIPE_W), CASE(fsync, DIR_), CASE(fsync, RO), CASE(fdatasync, NO), CASE(fdatasync, NULL_),
	CASE(fallocate, NO, 0, 0, 1), CASE(fallocate, NO, 0, -1, 0), CASE(fallocate, RO, 0, 0, 1), CASE(fallocate, RO, 0, 0, 0), CASE(fallocate, FILE_, 0, -1, 1), CASE(fallocate, FILE_, 0, 0, 0), CASE(fallocate, FILE_, 0, HUGE_, HUGE_), CASE(fallocate, FILE_, -1, 0, 1), CASE(fallocate, PIPE_W, 0, 0, 1), CASE(fallocate, DIR_, 0, 0, 1), CASE(fallocate, NULL_, 0, 0, 1),
	CASE(fadvise64, NO, 0, 0, 0), CASE(fadvise64, NO, 0, 0, 99), CASE(fadvise64, FILE_, 0, 0, 99), CASE(fadvise64, FILE_, 0, -1, 0), CASE(fadvise64, PIPE_R, 0, 0, 99),
	CASE(flock, NO, 1), CASE(flock, NO, 99), CASE(flock, FILE_, 99), CASE(flock, FILE_, 0), CASE(flock, FILE_, 16), CASE(flock, PIPE_R, 2),
	CASE(lseek, DIR_, 0, 0), // a folder's positions are the file system's affair
	CASE(sendfile, NO, RO, 0, 1), CASE(sendfile, FILE_, NO, 0, 1), CASE(sendfile, FILE_, RO, BAD, 1), CASE(sendfile, FILE_, PIPE_R, 0, 1), CASE(sendfile, RO, FILE_, 0, 1), CASE(sendfile, FILE_, DIR_, 0, 1), CASE(sendfile, FILE_, RO, 0, 0), CASE(sendfile, FILE_, WO, 0, 1),
	CASE(copy_file_range, NO, 0, FILE_, 0, 1, 0), CASE(copy_file_range, RO, 0, NO, 0, 1, 0), CASE(copy_file_range, RO, 0, FILE_, 0, 1, 1), CASE(copy_file_range, RO, BAD, FILE_, 0, 1, 0), CASE(copy_file_range, DIR_, 0, FILE_, 0, 1, 0), CASE(copy_file_range, PIPE_R, 0, FILE_, 0, 1, 0), CASE(copy_file_range, RO, 0, FILE_, 0, 0, 0), CASE(copy_file_range, WO, 0, FILE_, 0, 1, 0),
	CASE(dup, NO), CASE(dup, -1), CASE(dup2, NO, 10), CASE(dup2, FILE_, -1), CASE(dup2, NO, -1), CASE(dup3, FILE_, FILE_, 0), CASE(dup3, NO, NO, 0), CASE(dup3, FILE_, 10, 1), CASE(dup3, NO, 10, 1), CASE(dup3, FILE_, -1, 0),
	CASE(fcntl, NO, F_GETFD, 0), CASE(fcntl, NO, 9999, 0), CASE(fcntl, FILE_, 9999, 0), CASE(fcntl, FILE_, F_DUPFD, -1), CASE(fcntl, FILE_, F_GETLK, BAD), CASE(fcntl, FILE_, F_SETLK, BAD),
	CASE(chmod, BAD, 0600), CASE(chmod, P(missing), 0600), CASE(chmod, P("/in/text"), 0600), CASE(fchmod, NO, 0600), CASE(fchmod, RO, 0600), CASE(fchmodat, NO, P("x"), 0600),
	CASE(utimensat, NO, P("x"), 0, 0), CASE(utimensat, AT_FDCWD, BAD, 0, 0), CASE(utimensat, AT_FDCWD, P(name), BAD, 0), CASE(utimensat, AT_FDCWD, P(missing), BAD, 0), CASE(utimensat, AT_FDCWD, P(name), 0, -1), CASE(utimensat, AT_FDCWD, 0, 0, 0), CASE(utimensat, FILE_, 0, 0, 0), CASE(utimensat, NO, 0, 0, 0), CASE(utimensat, RO, 0, 0, 0),
	CASE(statfs, BAD, P(room)), CASE(statfs, P(missing), BAD), CASE(statfs, P(name), BAD), CASE(fstatfs, NO, P(room)), CASE(fstatfs, FILE_, BAD), CASE(fstatfs, NO, BAD),
	CASE(getcwd, P(room), 0), CASE(getcwd, P(room), 1), CASE(getcwd, BAD, 1), CASE(getcwd, BAD, 4096), CASE(getcwd, P(room), 2),
	CASE(chdir, BAD), CASE(chdir, P(missing)), CASE(chdir, P(name)), CASE(chdir, P("")), CASE(fchdir, NO), CASE(fchdir, FILE_), CASE(fchdir, PIPE_R),
	CASE(pipe2, BAD, 0), CASE(pipe2, P(room), -1), CASE(pipe2, BAD, -1),
	CASE(poll, BAD, 1, 0), CASE(poll, BAD, 0, 0), CASE(poll, P(&asked), 1, -1), CASE(poll, P(&asked), -1, 0), CASE(poll, BAD, 0x7fffffff, 0),
	CASE(ppoll, BAD, 1, P(&zero_time), 0, 8), CASE(ppoll, 0, 0, P(&odd_time), 0, 8), CASE(ppoll, 0, 0, BAD, 0, 8), CASE(ppoll, 0, 0, P(&zero_time), BAD, 8), CASE(ppoll, 0, 0, P(&zero_time), P(room), 9), CASE(ppoll, 0, 0, P(&zero_time), 0, 9), CASE(ppoll, BAD, 1, P(&odd_time), 0, 8),
	CASE(select, -1, 0, 0, 0, P(&zero_time)), CASE(select, 1, BAD, 0, 0, P(&zero_time)), CASE(select, 0, BAD, 0, 0, P(&zero_time)), CASE(select, 0, 0, 0, 0, BAD), CASE(select, -1, 0, 0, 0, BAD),
	CASE(pselect6, 0, 0, 0, 0, P(&odd_time), 0), CASE(pselect6, 0, 0, 0, 0, P(&zero_time), BAD), CASE(pselect6, -1, 0, 0, 0, P(&zero_time), 0), CASE(pselect6, 0, 0, 0, 0, BAD, BAD),
	CASE(ioctl, NO, 0x5401, P(room)), CASE(ioctl, NO, 9999, P(room)), CASE(ioctl, FILE_, 0x5401, BAD), CASE(ioctl, FILE_, 9999, BAD), CASE(ioctl, PIPE_R, 0x541b, BAD), CASE(ioctl, PIPE_R, 0x5413, P(room)), CASE(ioctl, DIR_, 0x541b, P(room)),
	CASE(clock_gettime, 99, P(room)), CASE(clock_gettime, 99, BAD), CASE(clock_gettime, 0, BAD), CASE(clock_gettime, 0, 0), CASE(clock_getres, 0, 0), CASE(clock_getres, 99, 0), CASE(clock_getres, 0, BAD), CASE(gettimeofday, BAD, 0), CASE(gettimeofday, P(room), BAD), CASE(time, BAD),
	CASE(nanosleep, BAD, 0), CASE(nanosleep, P(&odd_time), 0), CASE(nanosleep, P(&odd_time), BAD), CASE(clock_nanosleep, 99, 0, BAD, 0), CASE(clock_nanosleep, 0, 0, BAD, 0), CASE(clock_nanosleep, 99, 0, P(&zero_time), 0), CASE(clock_nanosleep, 0, 0, P(&odd_time), 0), CASE(clock_nanosleep, 3, 0, P(&odd_time), 0), CASE(clock_nanosleep, 0, 99, P(&zero_time), 0),
	CASE(mmap, 0, 0, 3, 0x22, -1, 0), CASE(mmap, 0, 4096, 3, 0, NO, 0), CASE(mmap, 0, 4096, 3, 2, NO, 0), CASE(mmap, 0, 0, 3, 2, NO, 0), CASE(mmap, 0, 4096, 3, 2, NO, 1), CASE(mmap, 0, -1, 3, 0x22, -1, 0), CASE(mmap, 1, 4096, 3, 0x32, -1, 0), CASE(mmap, 0, 4096, 1, 2, WO, 0), CASE(mmap, 0, 4096, 1, 2, DIR_, 0), CASE(mmap, 0, 4096, 1, 2, PIPE_R, 0), CASE(mmap, 0, 4096, 1, 2, RO, -4096), CASE(mmap, 0, 4096, 3, 1, RO, 0), CASE(mmap, 0, 4096, 1, 7, RO, 0), CASE(mmap, KERNEL, 4096, 1, 0x32, -1, 0),
	CASE(munmap, 1, 4096), CASE(munmap, 0, 0), CASE(munmap, 0, -1), CASE(munmap, KERNEL, 4096), CASE(munmap, WILD, 4096), CASE(munmap, 4096, 4096),
	CASE(mprotect, 1, 4096, 1), CASE(mprotect, 4096, 4096, 1), CASE(mprotect, 4096, 4096, 99), CASE(mprotect, 4096, 0, 99), CASE(mprotect, 4096, 0, 1), CASE(mprotect, 1, 0, 1), CASE(mprotect, KERNEL, 4096, 1), CASE(mprotect, 4096, -1, 1), CASE(mprotect, 4096, 4096, 0x3000000),
	CASE(mremap, 1, 4096, 8192, 1, 0), CASE(mremap, 4096, 4096, 0, 1, 0), CASE(mremap, 4096, 4096, 8192, 2, 0), CASE(mremap, 4096, 4096, 8192, 99, 0), CASE(mremap, 4096, 4096, 8192, 1, 0), CASE(mremap, 4096, 4096, HUGE_, 1, 0), CASE(mremap, 4096, 0, 4096, 1, 0),
	CASE(madvise, 1, 4096, 4), CASE(madvise, 4096, 4096, 4), CASE(madvise, 4096, 4096, 999), CASE(madvise, 4096, 0, 999), CASE(madvise, 4096, 0, 4), CASE(madvise, 4096, -1, 4), CASE(madvise, 1, 4096, 999), CASE(madvise, KERNEL, 4096, 4),
	CASE(rt_sigaction, 0, 0, 0, 8), CASE(rt_sigaction, 65, BAD, 0, 8), CASE(rt_sigaction, 10, BAD, 0, 8), CASE(rt_sigaction, 10, 0, BAD, 8), CASE(rt_sigaction, 65, 0, 0, 4), CASE(rt_sigaction, 10, BAD, 0, 4), CASE(rt_sigaction, 9, 0, 0, 8), CASE(rt_sigaction, 9, BAD, 0, 8),
	CASE(rt_sigprocmask, 0, BAD, 0, 8), CASE(rt_sigprocmask, 99, BAD, 0, 8), CASE(rt_sigprocmask, 99, P(&zero_time), 0, 8), CASE(rt_sigprocmask, 0, 0, BAD, 8), CASE(rt_sigprocmask, 0, BAD, 0, 4), CASE(rt_sigprocmask, 99, 0, 0, 8),
	CASE(sigaltstack, BAD, 0), CASE(sigaltstack, 0, BAD), CASE(kill, 0x7ffffff0, 0), CASE(kill, 0x7ffffff0, 99), CASE(tkill, 0, 0), CASE(tkill, 0x7ffffff0, 99), CASE(tgkill, 0, 0, 0), CASE(tgkill, 1, -1, 0),
	CASE(futex, 1, 0, 0, 0, 0, 0), CASE(futex, BAD, 0, 0, 0, 0, 0), CASE(futex, WILD, 0, 0, 0, 0, 0), CASE(futex, KERNEL, 0, 0, 0, 0, 0), CASE(futex, P(room), 99, 0, 0, 0, 0), CASE(futex, P(room), 0, 1, BAD, 0, 0), CASE(futex, P(room), 0, 1, P(&odd_time), 0, 0), CASE(futex, 1, 1, 1, 0, 0, 0),
	CASE(set_robust_list, 0, 0), CASE(set_robust_list, BAD, 24), CASE(arch_prctl, 9999, 0), CASE(arch_prctl, 0x1003, BAD), CASE(arch_prctl, 0x1002, KERNEL), CASE(arch_prctl, 0x1001, WILD),
	CASE(prctl, 9999, 0, 0, 0, 0), CASE(prctl, 15, BAD, 0, 0, 0), CASE(prctl, 16, BAD, 0, 0, 0),
	CASE(uname, BAD), CASE(sysinfo, BAD), CASE(getrusage, 99, P(room)), CASE(getrusage, 99, BAD), CASE(getrusage, 0, BAD), CASE(prlimit64, 0, 99, 0, BAD), CASE(prlimit64, 0, 3, 0, BAD), CASE(prlimit64, 0, 3, BAD, 0), CASE(prlimit64, 0x7ffffff0, 3, 0, 0), CASE(prlimit64, 0x7ffffff0, 99, 0, 0), CASE(getrlimit, 99, P(room)), CASE(getrlimit, 3, BAD),
	CASE(getgroups, -1, BAD), CASE(getresuid, BAD, BAD, BAD), CASE(sched_getaffinity, 0, 0, P(room)), CASE(sched_getaffinity, 0, 8, BAD), CASE(sched_getaffinity, 0, 1L << 31, P(room)), CASE(sched_getaffinity, 0, 1L << 32, P(room)), CASE(sched_getaffinity, 0x7ffffff0, 8, P(room)), CASE(sched_getparam, 0, BAD), CASE(sched_getparam, -1, P(room)), CASE(sched_getscheduler, 0x7ffffff0), CASE(sched_get_priority_max, 99), CASE(sched_get_priority_min, -1),
	CASE(getrandom, BAD, 1, 0), CASE(getrandom, BAD, 1, 99), CASE(getrandom, WILD, 1, 0), CASE(getrandom, KERNEL, 1, 0), CASE(getrandom, BAD, 0, 0),
};

int main(void)
{
	int p[2];
	must(open(name, O_RDWR | O_CREAT | O_TRUNC, 0600) == FILE_);
	must(open(in_text, O_RDONLY) == RO);
	must(open(name, O_WRONLY) == WO);
	must(open("/in", O_RDONLY) == DIR_);
	must(pipe(p) == 0 && p[0] == PIPE_R && p[1] == PIPE_W);
	must(open("/dev/null", O_RDWR) == NULL_);
	for (size_t i = 0; i < LEN(cases); i++) {
		const long *a = cases[i].args;
		errno = 0;
		long r = syscall(cases[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);
		// A success is an address or a time as often as not.
		if (r == -1)
			say("%s = %s", cases[i].label, errno_name(errno));
		else
			say("%s = %s", cases[i].label, r == 0 ? "0" : "more than 0");
	}
	return 0;
}
