// sequences: long walks of pseudo-random calls from a seed, over few names, few
// descriptors and few pages, so that calls meet the traces of earlier ones.
#include "facts.h"
#include <sys/uio.h>

static uint64_t state;

static unsigned any(unsigned below)
{
	state = state * 6364136223846793005UL + 1442695040888963407UL;
	return (state >> 33) % below;
}

static const char *folder;

static const char *path(char *out)
{
	static const char *const names[] = {"a", "b", "c", "d/a", "d/b", "e/f/a", "d", "e", "e/f", "a/x", "d/", "d/../a", "./b", "none/a"};
	sprintf(out, "%s/%s", folder, names[any(LEN(names))]);
	return out;
}

static void result(const char *what, long r)
{
	if (r == -1)
		say("%s %s", what, errno_name(errno));
	else
		say("%s %ld", what, r);
}

#define OPENED 6

static void file_step(int *fd, char *buffer)
{
	char one[128], two[128], what[300];
	int i = any(OPENED);
	long at = any(3) ? any(9000) : any(3) * 4096, n = any(3) ? any(5000) : any(2) * 4096;
	struct stat s;
	struct iovec v[2] = {{buffer + 7, n / 3}, {buffer + 4000, n - n / 3}};
	memset(buffer, 'A' + any(26), 4096);
	switch (any(26)) {
	case 0: case 1: case 2: {
		static const int flags[] = {O_RDONLY, O_RDWR | O_CREAT, O_RDWR, O_WRONLY | O_CREAT | O_TRUNC, O_RDWR | O_CREAT | O_EXCL, O_RDWR | O_APPEND | O_CREAT, O_WRONLY | O_APPEND, O_RDONLY | O_DIRECTORY, O_RDWR | O_TRUNC};
		int f = flags[any(LEN(flags))];
		close(fd[i]);
		fd[i] = open(path(one), f, 0644);
		sprintf(what, "open %s %o", one, f);
		result(what, fd[i]);
		break;
	}
	case 3: result("close", close(fd[i])); fd[i] = -1; break;
	case 4: case 5: result("write", write(fd[i], buffer, n)); break;
	case 6: result("pwrite", pwrite(fd[i], buffer, n, at)); break;
	case 7: result("writev", writev(fd[i], v, 2)); break;
	case 8: case 9: {
		long r = read(fd[i], buffer, n);
		result("read", r);
		if (r > 0)
			say("  %016lx", (unsigned long)sum(buffer, r));
		break;
	}
	case 10: {
		long r = pread(fd[i], buffer, n, at);
		result("pread", r);
		if (r > 0)
			say("  %016lx", (unsigned long)sum(buffer, r));
		break;
	}
	case 11: {
		int whence = any(3);
		// The end of a folder is the file system's affair.
		if (whence == SEEK_END && fstat(fd[i], &s) == 0 && S_ISDIR(s.st_mode))
			break;
		result("lseek", lseek(fd[i], any(2) ? at : -at, whence));
		break;
	}
	case 12: result("ftruncate", ftruncate(fd[i], at)); break;
	case 13: sprintf(what, "truncate %s", path(one)); result(what, truncate(one, at)); break;
	case 14: case 15: sprintf(what, "rename %s %s", path(one), path(two)); result(what, rename(one, two)); break;
	case 16: sprintf(what, "unlink %s", path(one)); result(what, unlink(one)); break;
	case 17: case 18: sprintf(what, "mkdir %s", path(one)); result(what, mkdir(one, 0755)); break;
	case 19: sprintf(what, "rmdir %s", path(one)); result(what, rmdir(one)); break;
	case 20: {
		long r = stat(path(one), &s);
		sprintf(what, "stat %s", one);
		result(what, r);
		if (r == 0)
			say("  %o %ld", s.st_mode, S_ISREG(s.st_mode) ? (long)s.st_size : 0L);
		break;
	}
	case 21: {
		long r = fstat(fd[i], &s);
		result("fstat", r);
		if (r == 0)
			say("  %o %ld %d", s.st_mode, S_ISREG(s.st_mode) ? (long)s.st_size : 0L, S_ISREG(s.st_mode) ? (int)s.st_nlink : 0);
		break;
	}
	case 22: {
		int k = any(OPENED);
		if (fd[i] >= 0 && k != i && fd[k] >= 0)
			result("dup2", dup2(fd[i], fd[k]));
		break;
	}
	case 23: result("fallocate", fallocate(fd[i], any(2), at, n)); break;
	case 24: result("chmod", fchmod(fd[i], 0600 + any(0200))); break;
	case 25: result("append", fcntl(fd[i], F_SETFL, any(2) ? O_APPEND : 0)); break;
	}
}

static void files(const char *where)
{
	static char buffer[16384];
	int fd[OPENED];
	folder = where;
	for (int i = 0; i < OPENED; i++)
		fd[i] = -1;
	for (int i = 0; i < 1500; i++)
		file_step(fd, buffer);
}

#define SPAN 24L // pages in play

static void describe(char *base)
{
	char line[SPAN + 1];
	for (long i = 0; i < SPAN; i++) {
		char *p = base + i * PAGE;
		line[i] = !readable(p) ? '-' : writable(p) ? 'w' : 'r';
	}
	line[SPAN] = 0;
	uint64_t h = 0;
	for (long i = 0; i < SPAN; i++)
		if (line[i] != '-')
			h = h * 31 + sum(base + i * PAGE, PAGE);
	say("  %s %016lx", line, (unsigned long)h);
}

static void pages(void)
{
	static char text[6 * PAGE + 500];
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = 'a' + i % 23;
	int file = open("/tmp/pages", O_RDWR | O_CREAT | O_TRUNC, 0600);
	must(write(file, text, sizeof text) == sizeof text);
	char *base = mmap(0, SPAN * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(base != MAP_FAILED);
	static const int kinds[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC};
	for (int step = 0; step < 400; step++) {
		long at = any(SPAN), n = 1 + any(SPAN - at < 8 ? SPAN - at : 8);
		char *p = base + at * PAGE;
		int prot = kinds[any(LEN(kinds))];
		long r;
		switch (any(9)) {
		case 0: case 1:
			r = mmap(p, n * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p;
			say("map %ld %ld %d: %ld", at, n, prot, r);
			break;
		case 2: {
			long offset = any(6), most = 7 - offset < n ? 7 - offset : n;
			r = mmap(p, most * PAGE, prot, MAP_PRIVATE | MAP_FIXED, file, offset * PAGE) == p;
			say("map file %ld %ld %d at %ld: %ld", at, most, prot, offset, r);
			break;
		}
		case 3: say("unmap %ld %ld", at, n); result("", munmap(p, n * PAGE)); break;
		case 4: case 5: say("protect %ld %ld %d", at, n, prot); result("", mprotect(p, n * PAGE, prot)); break;
		case 6: say("dontneed %ld %ld", at, n); result("", madvise(p, n * PAGE, MADV_DONTNEED)); break;
		case 7: {
			long to = any(SPAN), more = 1 + any(SPAN - to < 6 ? SPAN - to : 6);
			// One page: how far a map reaches beyond it is the kernel's affair.
			void *q = mremap(p, PAGE, more * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, base + to * PAGE);
			say("remap %ld to %ld %ld: %s", at, to, more, q == MAP_FAILED ? errno_name(errno) : "ok");
			break;
		}
		case 8:
			for (long i = 0; i < n; i++)
				if (writable(p + i * PAGE))
					memset(p + i * PAGE, 'A' + any(26), PAGE);
			say("fill %ld %ld", at, n);
			break;
		}
		describe(base);
	}
	// What is outside the span must not have been touched.
	IS(memcmp(text, "abcdefghijklmnopqrstuvwabc", 26) == 0);
}

int main(int argc, char **argv)
{
	must(argc == 3);
	state = strtoul(argv[2], 0, 10) * 7919 + 1;
	if (strcmp(argv[1], "pages") == 0)
		pages();
	else
		files(argv[1]);
	return 0;
}
