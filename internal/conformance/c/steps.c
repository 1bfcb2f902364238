// steps: carries out the steps that are in /in/steps (steps.go writes them) and
// prints one line a step: what the call returned and what it left in memory.
//
// A step is a call's number and its arguments, each a number or a piece of
// memory to make. Numbers from 0xff00 on are steps of our own: the start of a
// walk, a digest of a folder, a comparison.
#include "facts.h"
#include <dirent.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

enum { NUMBER, PATH, DATA, ROOM, DATA_PARTS, ROOM_PARTS, OFFSET, RAW, LOCK, STAT, STATX, TEXT, PAIR };
enum { WALK = 0xff00, TREE, LIST, SAME, PEEK, POKE, SEEK, COPY, SEND };
enum { OUT = 900, PIPE_READ, PIPE_WRITE }; // descriptors of our own

static unsigned char steps[24 << 20], *at = steps;
static char out[1 << 16];
static size_t used;

static void flush(void)
{
	for (size_t done = 0; done < used;) {
		long n = write(OUT, out + done, used - done);
		if (n < 0)
			_exit(98);
		done += n;
	}
	used = 0;
}

static void add(const char *format, ...)
{
	va_list args;
	if (used > sizeof out - 8192)
		flush();
	va_start(args, format);
	used += vsnprintf(out + used, 8192, format, args);
	va_end(args);
}

static uint64_t get(int bytes)
{
	uint64_t v = 0;
	for (int i = 0; i < bytes; i++)
		v |= (uint64_t)*at++ << 8 * i;
	return v;
}

static void result(long r)
{
	if (r == -1)
		add("%s", errno_name(errno));
	else
		add("%ld", r);
}

// clock adds a time: those of today differ from run to run.
static void clock_(long sec, long nsec)
{
	if (sec > 1710000000)
		add(" now");
	else
		add(" %ld.%09ld", sec, nsec);
}

static struct stat root; // where all begins: natively it is the test's own

static void facts(const struct stat *s)
{
	int folder = S_ISDIR(s->st_mode);
	if (folder && s->st_ino == root.st_ino && s->st_dev == root.st_dev) {
		add(" root");
		return;
	}
	add(" %o %ld:%ld", s->st_mode, (long)s->st_uid, (long)s->st_gid);
	if (!folder)
		add(" links %ld size %ld", (long)s->st_nlink, (long)s->st_size);
	clock_(s->st_mtim.tv_sec, s->st_mtim.tv_nsec);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char **)a, *(char **)b);
}

// names reads a folder's entries from its start, sorted: "d name".
static int names(int fd, char **list, int most)
{
	static char entries[1 << 15], text[1 << 17];
	char *t = text;
	int count = 0;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	for (;;) {
		long n = syscall(SYS_getdents64, fd, entries, sizeof entries);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		for (char *e = entries; e < entries + n; e += *(uint16_t *)(e + 16)) {
			size_t length = strlen(e + 19);
			if (count == most || t + length + 4 > text + sizeof text)
				_exit(96);
			list[count++] = t;
			strcpy(t, e + 19);
			t += length + 1;
			*t++ = e[18];
		}
	}
	lseek(fd, 0, SEEK_SET); // where the end is differs between file systems
	qsort(list, count, sizeof *list, by_name);
	return count;
}

static void list(int fd)
{
	char *entries[1024];
	int n = names(fd, entries, LEN(entries));
	result(n);
	for (int i = 0; i < n; i++)
		add(" %.20s/%d", entries[i], entries[i][strlen(entries[i]) + 1]);
}

static uint64_t whole(int at, const char *name)
{
	static char content[1 << 17];
	int fd = openat(at, name, O_RDONLY | O_NOFOLLOW);
	long n = fd < 0 ? -1 : read(fd, content, sizeof content);
	if (fd >= 0)
		close(fd);
	return n < 0 ? errno : sum(content, n);
}

// tree adds a folder and all below: mode, links, size, time, content.
static void tree(int at, const char *path, int depth)
{
	char *entries[256], kept[8192], *k = kept;
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	int n = fd < 0 ? -1 : names(fd, entries, LEN(entries));
	if (n < 0)
		add(" %s", errno_name(errno));
	for (int i = 0; i < n; i++) { // deeper levels use the same memory
		size_t length = strlen(entries[i]) + 1;
		if (k + length > kept + sizeof kept)
			_exit(95);
		entries[i] = memcpy(k, entries[i], length);
		k += length;
	}
	for (int i = 0; i < n; i++) {
		struct stat s;
		char target[256];
		if (!strcmp(entries[i], ".") || !strcmp(entries[i], ".."))
			continue;
		add(" [%.20s", entries[i]);
		if (fstatat(fd, entries[i], &s, AT_SYMLINK_NOFOLLOW) < 0) {
			add(" %s]", errno_name(errno));
			continue;
		}
		facts(&s);
		if (S_ISREG(s.st_mode))
			add(" %lx", (unsigned long)whole(fd, entries[i]));
		else if (S_ISLNK(s.st_mode)) {
			int length = readlinkat(fd, entries[i], target, sizeof target);
			add(" %.*s", length, target);
		} else if (S_ISDIR(s.st_mode) && depth < 12)
			tree(fd, entries[i], depth + 1);
		add("]");
	}
	if (fd >= 0)
		close(fd);
}

// clear empties a folder, but for what begins with keep.
static void clear(int at, const char *path, char keep)
{
	char *entries[256], kept[8192], *k = kept;
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	int n = fd < 0 ? -1 : names(fd, entries, LEN(entries));
	for (int i = 0; i < n; i++) {
		size_t length = strlen(entries[i]) + 1;
		if (k + length > kept + sizeof kept)
			_exit(95);
		entries[i] = memcpy(k, entries[i], length);
		k += length;
	}
	for (int i = 0; i < n; i++) {
		if (entries[i][0] == keep || !strcmp(entries[i], ".") || !strcmp(entries[i], ".."))
			continue;
		if (unlinkat(fd, entries[i], 0) == 0)
			continue;
		clear(fd, entries[i], 0);
		unlinkat(fd, entries[i], AT_REMOVEDIR);
	}
	if (fd >= 0)
		close(fd);
}

#define MAPS ((char *)0x100000000000)
#define MAPS_LENGTH (64 * PAGE)

// walk starts a walk: as if the program had just begun, in a folder of its own.
// The first three descriptors are a file of /in and the two ends of a pipe. (No
// device: natively it would be the machine's own.)
static void walk(unsigned number, char *root)
{
	int ends[2];
	add("walk %u", number);
	munmap(MAPS, MAPS_LENGTH);
	syscall(SYS_close_range, 0, OUT - 1, 0);
	umask(022);
	chdir("/");
	clear(AT_FDCWD, "/tmp", 0);
	clear(AT_FDCWD, "/out", 'w');
	clear(AT_FDCWD, "/data", 'w');
	must(open("/in/steps", O_RDONLY) == 0);
	must(pipe2(ends, O_NONBLOCK) == 0 && ends[0] == 1 && ends[1] == 2);
	if (chdir(root) < 0) {
		char parent[256];
		strcpy(parent, root);
		*strrchr(parent, '/') = 0;
		mkdir(parent, 0755);
		mkdir(root, 0755);
		must(chdir(root) == 0);
	}
}

static void same(int fd, const char *path)
{
	struct stat one, other;
	if (fstat(fd, &one) < 0 || stat(path, &other) < 0)
		result(-1);
	else
		add("%s", one.st_dev == other.st_dev && one.st_ino == other.st_ino ? "same" : "other");
}

// peek reads memory without a fault, page by page: what cannot be read ends it.
static void peek(const char *address, size_t length)
{
	static char copy[1 << 16];
	size_t done = 0;
	while (done < length) {
		size_t rest = PAGE - (size_t)(address + done) % PAGE;
		long n = write(PIPE_WRITE, address + done, rest < length - done ? rest : length - done);
		if (n <= 0)
			break;
		must(read(PIPE_READ, copy + done, n) == n);
		done += n;
	}
	add("%ld %lx", (long)done, (unsigned long)sum(copy, done));
}

static void poke(char *address, size_t length, int fill)
{
	static char bytes[1 << 16], rest[1 << 16];
	memset(bytes, fill, length);
	must(write(PIPE_WRITE, bytes, length) == (long)length);
	long n = read(PIPE_READ, address, length);
	result(n);
	while (read(PIPE_READ, rest, sizeof rest) > 0)
		;
}

// seek_ is lseek, but that what file systems do in their own ways is left out:
// the end of a folder, and where holes lie in a file, which may say that it is
// data to its end (lseek(2)).
static void seek_(int fd, long offset, int whence)
{
	struct stat s;
	if (whence < SEEK_END || whence > SEEK_HOLE || fstat(fd, &s) < 0) {
		result(lseek(fd, offset, whence));
		return;
	}
	if (S_ISDIR(s.st_mode)) {
		add("folder");
		return;
	}
	if (whence == SEEK_END) {
		result(lseek(fd, offset, whence));
		return;
	}
	long old = lseek(fd, 0, SEEK_CUR), r = lseek(fd, offset, whence);
	if (r >= offset || r < 0 && errno == ENXIO && whence == SEEK_DATA && offset >= 0 && offset < s.st_size)
		add("found");
	else
		result(r);
	lseek(fd, old, SEEK_SET);
}

// An arg is one argument as it is handed over and as it is shown afterwards.
struct arg {
	int kind;
	long value;
	size_t length;
};

#define EACH (1 << 17) // memory of one argument
static char memory[6][EACH];

static void parts(struct arg *a, int i)
{
	struct iovec *v = (struct iovec *)(memory[i] + EACH - 2048);
	char *p = memory[i];
	unsigned count = get(1), fill = get(1);
	for (unsigned k = 0; k < count; k++) {
		v[k].iov_base = p;
		v[k].iov_len = get(2);
		memset(p, a->kind == DATA_PARTS ? fill + k : 0xee, v[k].iov_len + 1);
		p += v[k].iov_len;
	}
	a->value = (long)v;
	a->length = p - memory[i];
}

static void argument(struct arg *a, int i)
{
	static const short sizes[] = {[STAT] = 144, [STATX] = 256, [PAIR] = 8};
	char *m = memory[i];
	a->kind = get(1);
	a->value = (long)m;
	switch (a->kind) {
	case NUMBER: a->value = get(8); break;
	case PATH: a->length = get(2); a->value = (long)at; at += a->length; break;
	case DATA:
		a->length = get(4);
		memset(m, get(1), a->length);
		for (size_t k = 0; k < a->length; k += 7)
			m[k] += k / 7;
		break;
	case ROOM: case TEXT: a->length = get(4); memset(m, 0xee, a->length + 1); break;
	case DATA_PARTS: case ROOM_PARTS: parts(a, i); break;
	case OFFSET: *(long *)m = get(8); break;
	case RAW: case LOCK: a->length = get(2); memcpy(m, at, a->length); at += a->length; break;
	default: memset(m, 0xee, sizes[a->kind]);
	}
}

static void statx_facts(const unsigned char *m)
{
	uint16_t mode = *(uint16_t *)(m + 28);
	if (S_ISDIR(mode) && *(uint64_t *)(m + 32) == root.st_ino && *(uint32_t *)(m + 136) == major(root.st_dev) && *(uint32_t *)(m + 140) == minor(root.st_dev)) {
		add(" root");
		return;
	}
	add(" mask %x %o %d:%d", *(uint32_t *)m & 0x6cf, mode, *(int *)(m + 20), *(int *)(m + 24));
	if (!S_ISDIR(mode))
		add(" links %d size %ld", *(int *)(m + 16), *(long *)(m + 40));
	clock_(*(long *)(m + 112), *(uint32_t *)(m + 120));
}

// after adds what the call left in an argument.
static void after(const struct arg *a, int i, long r)
{
	char *m = memory[i];
	switch (a->kind) {
	case ROOM: case ROOM_PARTS:
		if (r > 0)
			add(" %lx", (unsigned long)sum(m, r));
		if (r >= 0 && (size_t)r <= a->length && (unsigned char)m[r] != 0xee)
			add(" and more");
		break;
	case TEXT: if (r > 0) add(" %.*s", (int)(r > 200 ? 200 : r), m); break;
	case OFFSET: add(" @%ld", *(long *)m); break;
	case LOCK: {
		struct flock *l = (struct flock *)m;
		add(" {%d %d %ld %ld}", l->l_type, l->l_whence, (long)l->l_start, (long)l->l_len);
		break;
	}
	case STAT: if (r == 0) facts((struct stat *)m); break;
	case STATX: if (r == 0) statx_facts((unsigned char *)m); break;
	case PAIR: if (r == 0) add(" %d %d", ((int *)m)[0], ((int *)m)[1]); break;
	}
}

static void call(long nr, const struct arg *a, int count)
{
	long r = syscall(nr, a[0].value, a[1].value, a[2].value, a[3].value, a[4].value, a[5].value);
	result(r);
	for (int i = 0; i < count; i++)
		after(&a[i], i, r);
}

// empty reads all that is in the pipe of which out is an end, if there is a
// descriptor left to read it by.
static void empty(int out)
{
	static char rest[1 << 20];
	struct stat of, s;
	int waiting;
	if (fstat(out, &of) < 0 || !S_ISFIFO(of.st_mode))
		return;
	for (int fd = 0; fd < OUT; fd++) {
		int flags = fcntl(fd, F_GETFL);
		if (flags < 0 || (flags & O_ACCMODE) != O_RDONLY || fstat(fd, &s) < 0 || s.st_dev != of.st_dev || s.st_ino != of.st_ino)
			continue;
		must(ioctl(fd, FIONREAD, &waiting) == 0);
		long n = waiting ? read(fd, rest, sizeof rest) : 0;
		must(n == waiting);
		add(" %lx", (unsigned long)sum(rest, n));
		return;
	}
}

// send_ is sendfile, but that what follows from Linux's handing on a file's own
// pages is left out: a pipe is read before the file changes (sendfile(2)), and
// no file is copied onto itself, where its memcpy() may go either way.
static void send_(const struct arg *a, int count)
{
	struct stat to, from;
	int out = a[0].value, in = a[1].value;
	if (fstat(out, &to) == 0 && fstat(in, &from) == 0 && S_ISREG(to.st_mode) && to.st_dev == from.st_dev && to.st_ino == from.st_ino) {
		add("onto itself");
		return;
	}
	call(SYS_sendfile, a, count);
	empty(out);
}

static void step(void)
{
	struct arg a[6] = {0};
	long nr = get(2);
	int count = get(1);
	for (int i = 0; i < count; i++)
		argument(&a[i], i);
	errno = 0;
	switch (nr) {
	case WALK: walk(a[0].value, (char *)a[1].value); break;
	case TREE: tree(AT_FDCWD, (char *)a[0].value, 0); break;
	case LIST: list(a[0].value); break;
	case SAME: same(a[0].value, (char *)a[1].value); break;
	case PEEK: peek((char *)a[0].value, a[1].value); break;
	case COPY: {
		uint64_t in = mount_of(a[0].value), out = mount_of(a[2].value);
		if (in && out && in != out)
			add("between mounts");
		else
			call(SYS_copy_file_range, a, count);
		break;
	}
	case SEND: send_(a, count); break;
	case SEEK: seek_(a[0].value, a[1].value, a[2].value); break;
	case POKE: poke((char *)a[0].value, a[1].value, a[2].value); break;
	default: call(nr, a, count);
	}
	add("\n");
}

int main(void)
{
	int ends[2], in = open("/in/steps", O_RDONLY);
	long length = 0, n;
	while ((n = read(in, steps + length, sizeof steps - length)) > 0)
		length += n;
	must(n == 0 && length > 0 && close(in) == 0);
	must(stat("/", &root) == 0);
	signal(SIGPIPE, SIG_IGN);
	must(pipe2(ends, O_NONBLOCK) == 0);
	must(dup2(ends[0], PIPE_READ) == PIPE_READ && dup2(ends[1], PIPE_WRITE) == PIPE_WRITE);
	must(dup2(1, OUT) == OUT);
	while (at < steps + length)
		step();
	flush();
	return 0;
}
