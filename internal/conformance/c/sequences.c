// sequences: long walks of pseudo-random calls from a seed over few pages, so
// that calls meet the traces of earlier ones. (Those of file calls: steps.c.)
#include "facts.h"
#include "draw.h"

static void result(const char *what, long r)
{
	if (r == -1)
		say("%s %s", what, errno_name(errno));
	else
		say("%s %ld", what, r);
}

#define SPAN 24L // pages in play

static void show_pages(char *base)
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

static void pages(int steps)
{
	static char text[6 * PAGE + 500];
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = 'a' + i % 23;
	int file = open("/tmp/pages", O_RDWR | O_CREAT | O_TRUNC, 0600);
	must(write(file, text, sizeof text) == sizeof text);
	char *base = mmap(0, SPAN * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(base != MAP_FAILED);
	static const int kinds[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC};
	for (int step = 0; step < steps; step++) {
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
		show_pages(base);
	}
	// What is outside the span must not have been touched.
	IS(memcmp(text, "abcdefghijklmnopqrstuvwabc", 26) == 0);
}

int main(int argc, char **argv)
{
	must(argc >= 3);
	state = strtoul(argv[2], 0, 10) * 7919 + 1;
	pages(argc > 3 ? atoi(argv[3]) : 400);
	return 0;
}
