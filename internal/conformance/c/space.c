// space: after random calls that shape the address space, each page grants what
// a model says, found out by touching it.
//
//	space pages|huge SEED [CHECKS]
//
// A walk draws mmap, munmap, mprotect, mremap, brk and madvise over an arena and
// the heap, and does each on a model too: per page whether it is mapped, what it
// permits, and what it holds. After every few calls it reads, writes and
// executes pages, in a drawn order, and compares what came of it, to si_code and
// si_addr, with the model; the first difference ends it with status 1. So it
// judges Linux and a cell alike, and prints what it found, so that the two can
// be compared. "pages" has few pages and touches all of them each time; "huge"
// has 16 MiB and calls that keep huge pages whole or cut them, and touches each
// block's first page, a page inside, and where the last calls began and ended.
#include "catch.h"
#include "draw.h"

#define BLOCK 512L // pages of a huge page
#define MOST (8 * BLOCK + 2)
#define ROUND 10 // checks in one arena

// A page holds nothing (zeros; tag 0), or what the last write put there: a RET
// at its start and a number of its own after it and at its end. Neighbours with
// the same piece have always been in one mapping: mremap takes no other range.
struct page {
	uint32_t tag, piece;
	uint8_t mapped, prot;
};

// Calls change pages [first, last) of an area; those beside stay as they are.
static struct area {
	const char *name;
	char *base;
	long first, last, pages;
	struct page page[MOST];
} arena = {"arena"}, heap = {"heap"};

static int huge, checks, step;
static uint32_t serial, pieces;
static uint64_t digest;

// What the walk did, for its last line.
static struct counts {
	long munmap, mprotect, fixed, over, move, shrink, grow, dontunmap, brk_down, brk_up, dontneed, touches, faults;
} counts;

// since are the calls since the last check.
static char since[1024];

// differs ends the walk with what was expected and found, on standard error.
static void differs(const char *what, const char *want, const char *got)
{
	char line[2048];
	int n = snprintf(line, sizeof line, "step %d: %s: the model expects %s, found %s; calls since the last check:%s\n",
			 step, what, want, got, since);
	write(2, line, n);
	_exit(1);
}

// Touching.

// run_at jumps to an address. A RET there returns; zeros, which are an addition
// to what RAX points at, fault at address 8.
void run_at(char *at);
asm(".text\nrun_at: movl $8, %eax\n jmp *%rdi\n");

static const char *const kinds[] = {"read", "write", "execute"};

// What a touch finds: the page's two numbers, equal or not, or one of these.
#define FAULT (1UL << 63)
#define ELSEWHERE (1UL << 62) // a fault, and not at the address that was touched
#define ZEROS (1UL << 61)     // executed zeros
#define DONE (1UL << 60)      // wrote, or executed a RET
#define MAPERR (FAULT | SIGSEGV << 8 | 1)
#define ACCERR (FAULT | SIGSEGV << 8 | 2)

static const char *found_text(uint64_t found)
{
	static char text[2][64];
	static int turn;
	char *t = text[turn ^= 1];
	if (found & FAULT)
		snprintf(t, sizeof text[0], "signal %d code %d%s", (int)(found >> 8 & 0xff), (int)(found & 0xff),
			 found == MAPERR ? " (SEGV_MAPERR)" : found == ACCERR ? " (SEGV_ACCERR)" : found & ELSEWHERE ? " elsewhere" : "");
	else if (found & (ZEROS | DONE))
		snprintf(t, sizeof text[0], "%s", found & ZEROS ? "zeros" : "done");
	else
		snprintf(t, sizeof text[0], "number %u%s", (unsigned)found, found >> 32 ? ", and another at its end" : "");
	return t;
}

static uint64_t touch(char *page, enum kind kind, uint32_t tag)
{
	volatile uint32_t *number = (volatile uint32_t *)(page + 8), *end = (volatile uint32_t *)(page + PAGE - 4);
	int sig = sigsetjmp(back, 0);
	if (sig) {
		counts.faults++;
		if (kind == EXECUTE && fault_at == (void *)8)
			return ZEROS;
		return FAULT | (fault_at != (kind == EXECUTE ? page : page + 8) ? ELSEWHERE : 0) | sig << 8 | (fault_code & 0xff);
	}
	switch (kind) {
	case READ: {
		uint32_t first = *number;
		return first | (uint64_t)(first ^ *end) << 32;
	}
	case WRITE:
		*number = tag; // first: a fault names it
		*end = tag;
		*(volatile char *)page = '\xc3';
		return DONE;
	default:
		run_at(page);
		return DONE;
	}
}

// expected is the model's answer. On amd64 what may be written may be read.
static uint64_t expected(const struct page *p, enum kind kind)
{
	if (!p->mapped)
		return MAPERR;
	switch (kind) {
	case READ: return p->prot ? p->tag : ACCERR;
	case WRITE: return p->prot & PROT_WRITE ? DONE : ACCERR;
	default: return !(p->prot & PROT_EXEC) ? ACCERR : p->tag ? DONE : ZEROS;
	}
}

static void check(struct area *a, long i, enum kind kind)
{
	struct page *p = &a->page[i];
	uint64_t want = expected(p, kind), got = touch(a->base + i * PAGE, kind, ++serial);
	counts.touches++;
	if (got != want) {
		char what[80];
		snprintf(what, sizeof what, "page %ld of the %s, mapped %d prot %d: %s", i, a->name, p->mapped, p->prot, kinds[kind]);
		differs(what, found_text(want), found_text(got));
	}
	if (kind == WRITE && got == DONE)
		p->tag = serial;
	digest = (digest * 31 + i * 4 + kind) * 1099511628211UL ^ got;
}

static void check_page(struct area *a, long i)
{
	static const enum kind orders[][3] = {
		{READ, WRITE, EXECUTE}, {READ, EXECUTE, WRITE}, {WRITE, READ, EXECUTE},
		{WRITE, EXECUTE, READ}, {EXECUTE, READ, WRITE}, {EXECUTE, WRITE, READ},
	};
	const enum kind *order = orders[any(LEN(orders))];
	for (int k = 0; k < 3; k++)
		check(a, i, order[k]);
}

// edges are the pages on both sides of where calls began and ended.
static struct { struct area *a; long i; } edges[24];
static size_t edges_n;

static void edge(struct area *a, long at)
{
	for (long i = at - 1; i <= at; i++)
		if (i >= 0 && i < a->pages && edges_n < LEN(edges)) {
			edges[edges_n].a = a;
			edges[edges_n++].i = i;
		}
}

static void check_area(struct area *a)
{
	int backwards = any(2);
	long stride = huge ? BLOCK : 1;
	for (long k = 0; k < a->pages; k += stride) {
		long i = backwards ? (a->pages - 1 - k) / stride * stride : k;
		check_page(a, i);
		if (huge && i + BLOCK <= a->pages)
			check_page(a, i + 1 + any(BLOCK - 1));
	}
}

static void check_all(void)
{
	digest = 0;
	check_area(&arena);
	check_area(&heap);
	for (size_t e = 0; huge && e < edges_n; e++)
		check_page(edges[e].a, edges[e].i);
	edges_n = 0;
	since[0] = 0;
	say("step %d: %016lx", step, (unsigned long)digest);
}

// read_all reads every page that may be read: no fault, so it costs little.
static void read_all(struct area *a)
{
	for (long i = 0; i < a->pages; i++)
		if (a->page[i].mapped && a->page[i].prot)
			check(a, i, READ);
}

// Calls, each on the kernel and on the model.

// answered prints a call and compares its answer: want is the value, or the
// errno that is expected, negated.
static void answered(const char *call, struct area *a, long at, long n, long detail, long got, long want)
{
	if (got == -1)
		got = -errno;
	const char *wanted = want < 0 && want > -4096 ? errno_name(-want) : "ok";
	const char *answer = got < 0 && got > -4096 ? errno_name(-got) : "ok";
	char text[120];
	snprintf(text, sizeof text, "%s %s %ld+%ld %ld: %s", call, a->name, at, n, detail, answer);
	say("%s", text);
	size_t used = strlen(since);
	snprintf(since + used, sizeof since - used, " %s;", text);
	edge(a, at);
	edge(a, at + n);
	if (got != want)
		differs(call, wanted, strcmp(answer, wanted) == 0 ? "another value" : answer);
}

static char *address(struct area *a, long at) { return a->base + at * PAGE; }

static void model_map(struct area *a, long at, long n, int prot)
{
	pieces++;
	for (long i = at; i < at + n; i++)
		a->page[i] = (struct page){.mapped = 1, .prot = prot, .piece = pieces};
}

static void model_unmap(struct area *a, long at, long n) { memset(&a->page[at], 0, n * sizeof a->page[0]); }

// mapped counts the mapped pages of a range.
static long mapped(struct area *a, long at, long n)
{
	long m = 0;
	for (long i = at; i < at + n; i++)
		m += a->page[i].mapped;
	return m;
}

static int any_prot(void)
{
	switch (any(10)) {
	case 0: return PROT_NONE;
	case 1: return PROT_READ;
	case 2: return PROT_WRITE;
	case 3: case 4: case 5: return PROT_READ | PROT_EXEC;
	default: return PROT_READ | PROT_WRITE;
	}
}

// bound is a place where a call may begin or end. The heap stays at one place,
// and a page table that was needed once stays too: there, huge pages are cut in
// the walk's second half alone.
static long bound(struct area *a)
{
	if (!huge)
		return a->first + any(a->last - a->first + 1);
	unsigned how = any(5);
	if (how == 0 && (a == &arena || step > checks / 2))
		return a->first + any(a->last - a->first + 1);
	long at = a->first + any((a->last - a->first) / BLOCK + 1) * BLOCK;
	if (how == 1 && (a == &arena || step > checks / 2))
		at += (long)any(9) - 4;
	return at < a->first ? a->first : at > a->last ? a->last : at;
}

static long range(struct area *a, long *n)
{
	long from = bound(a), to = bound(a);
	while (from == to)
		to = bound(a);
	*n = from < to ? to - from : from - to;
	if (!huge && *n > 8)
		*n = 1 + any(8);
	return from < to ? from : to;
}

static void do_mmap(void)
{
	long n, at = range(&arena, &n), had = mapped(&arena, at, n);
	int prot = any_prot(), keep = any(8) == 0;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | (keep ? MAP_FIXED_NOREPLACE : MAP_FIXED) | (any(4) == 0 ? MAP_POPULATE : 0);
	char *p = address(&arena, at);
	int refused = keep && had;
	answered(keep ? "mmap without replacing" : "mmap", &arena, at, n, prot,
		 syscall(SYS_mmap, p, n * PAGE, prot, flags, -1, 0L), refused ? -EEXIST : (long)p);
	if (refused)
		return;
	model_map(&arena, at, n, prot);
	counts.fixed++;
	counts.over += had > 0;
}

static void do_munmap(void)
{
	long n, at = range(&arena, &n);
	answered("munmap", &arena, at, n, 0, syscall(SYS_munmap, address(&arena, at), n * PAGE), 0);
	model_unmap(&arena, at, n);
	counts.munmap++;
}

// do_mprotect changes pages up to the first hole, as Linux does.
static void do_mprotect(struct area *a)
{
	long n, at = range(a, &n), to = at;
	int prot = any_prot();
	while (to < at + n && a->page[to].mapped)
		to++;
	answered("mprotect", a, at, n, prot, syscall(SYS_mprotect, address(a, at), n * PAGE, prot), to < at + n ? -ENOMEM : 0);
	// Mappings that become alike need not become one.
	for (long i = at, was = -1; i < to; i++) {
		pieces += a->page[i].piece != was;
		was = a->page[i].piece;
		a->page[i].prot = prot;
		a->page[i].piece = pieces;
	}
	counts.mprotect += to > at;
}

// do_dontneed empties what is mapped, around holes too.
static void do_dontneed(struct area *a)
{
	long n, at = range(a, &n), some = mapped(a, at, n);
	answered("dontneed", a, at, n, 0, syscall(SYS_madvise, address(a, at), n * PAGE, MADV_DONTNEED), some < n ? -ENOMEM : 0);
	for (long i = at; i < at + n; i++)
		a->page[i].tag = 0;
	counts.dontneed += some > 0;
}

// piece finds a mapped range within one mapping, of at least least pages; 0 if
// there is none.
static long piece(long least, long *n)
{
	long size = arena.last - arena.first, from = bound(&arena) - arena.first;
	for (long k = 0; k < size; k++) {
		long at = arena.first + (from + k) % size, run = 0;
		if (!arena.page[at].mapped)
			continue;
		while (at + run < arena.last && arena.page[at + run].mapped && arena.page[at + run].piece == arena.page[at].piece)
			run++;
		if (run < least)
			continue;
		*n = least + any(run - least + 1);
		if (huge && run >= BLOCK && any(3))
			*n = run / BLOCK * BLOCK;
		return at;
	}
	return 0;
}

// do_move moves a range over what is elsewhere, to more or less if resize.
static void do_move(int resize, int keep)
{
	static struct page saved[MOST];
	long n, at = piece(1, &n);
	if (!at)
		return do_mmap();
	long m = resize ? 1 + any(2 * n) : n, to = bound(&arena);
	m = m > arena.last - arena.first ? arena.last - arena.first : m;
	to = to > arena.last - m ? arena.last - m : to;
	for (int tries = 0; tries < 4 && at < to + m && to < at + n; tries++)
		to = arena.first + any(arena.last - m - arena.first + 1);
	int refused = at < to + m && to < at + n;
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED | (keep ? MREMAP_DONTUNMAP : 0);
	edge(&arena, to);
	edge(&arena, to + m);
	char call[40];
	snprintf(call, sizeof call, "move%s to %ld", keep ? " and keep" : "", to);
	answered(call, &arena, at, n, m,
		 syscall(SYS_mremap, address(&arena, at), n * PAGE, m * PAGE, flags, address(&arena, to)),
		 refused ? -EINVAL : (long)address(&arena, to));
	if (refused)
		return;
	int prot = arena.page[at].prot;
	memcpy(saved, &arena.page[at], n * sizeof saved[0]);
	model_unmap(&arena, at, n);
	if (keep)
		model_map(&arena, at, n, prot);
	model_map(&arena, to, m, prot);
	for (long i = 0; i < m && i < n; i++)
		arena.page[to + i].tag = saved[i].tag;
	keep ? counts.dontunmap++ : counts.move++;
	counts.shrink += m < n;
	counts.grow += m > n;
}

static void do_shrink(void)
{
	long n, at = piece(2, &n);
	if (!at)
		return do_mmap();
	long m = huge && n > BLOCK && any(2) ? (n - 1) / BLOCK * BLOCK : 1 + any(n - 1);
	char *p = address(&arena, at);
	answered("shrink", &arena, at, n, m, syscall(SYS_mremap, p, n * PAGE, m * PAGE, 0), (long)p);
	model_unmap(&arena, at + m, n - m);
	edge(&arena, at + m);
	counts.shrink++;
}

// do_grow makes the last page before a hole longer where it is.
static void do_grow(void)
{
	long size = arena.last - arena.first, from = any(size), at = 0;
	for (long k = 0; k < size && !at; k++) {
		long i = arena.first + (from + k) % size;
		if (arena.page[i].mapped && !arena.page[i + 1].mapped)
			at = i;
	}
	if (!at)
		return do_munmap();
	long most = arena.last - at, m = 2 + any(huge ? 3 * BLOCK : 4);
	m = m > most ? most : m;
	long had = mapped(&arena, at + 1, m - 1);
	char *p = address(&arena, at);
	answered("grow", &arena, at, 1, m, syscall(SYS_mremap, p, PAGE, m * PAGE, 0), had ? -ENOMEM : (long)p);
	if (had)
		return;
	// What stands behind the hole need not be joined.
	struct page like = {.mapped = 1, .prot = arena.page[at].prot, .piece = ++pieces};
	for (long i = at + 1; i < at + m; i++)
		arena.page[i] = like;
	for (long i = at, was = arena.page[at].piece; i >= arena.first && arena.page[i].mapped && arena.page[i].piece == was; i--)
		arena.page[i].piece = pieces;
	edge(&arena, at + m);
	counts.grow++;
}

// do_brk moves the break, to the byte; the kernel rounds up to pages.
static void do_brk(void)
{
	long had = mapped(&heap, 0, heap.pages), to = bound(&heap);
	char *want = address(&heap, to) - (to ? any(PAGE) : 0);
	answered(to < had ? "brk down" : "brk", &heap, 0, to, had, syscall(SYS_brk, want), (long)want);
	if (to < had)
		model_unmap(&heap, to, had - to);
	else
		model_map(&heap, had, to - had, PROT_READ | PROT_WRITE);
	counts.brk_down += to < had;
	counts.brk_up += to > had;
}

static void do_any(void)
{
	switch (any(20)) {
	case 0: case 1: case 2: case 3: return do_mmap();
	case 4: return do_munmap();
	case 5: case 6: return do_mprotect(&arena);
	case 7: return do_mprotect(&heap);
	case 8: return do_dontneed(&arena);
	case 9: return do_dontneed(&heap);
	case 10: return do_move(0, any(3) == 0);
	case 11: return do_move(1, 0);
	case 12: return do_move(0, 1);
	case 13: return do_shrink();
	case 14: case 15: return do_grow();
	default: return do_brk();
	}
}

// new_arena reserves an arena where none was, with a page on either side that no
// call changes. The old one's place stays taken.
static void new_arena(void)
{
	if (arena.base)
		must(mmap(arena.base, arena.pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == arena.base);
	arena.first = 1;
	arena.last = 1 + (huge ? 8 * BLOCK : 16);
	arena.pages = arena.last + 1;
	char *p = mmap(0, (arena.pages + 2 * BLOCK) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(p != MAP_FAILED);
	arena.base = (char *)(((uintptr_t)p + 2 * BLOCK * PAGE - 1) & -(BLOCK * PAGE)) - PAGE;
	model_map(&arena, 0, arena.pages, PROT_NONE);
	must(mprotect(address(&arena, 1), (arena.last - 1) * PAGE, PROT_READ | PROT_WRITE) == 0);
	for (long i = 1; i < arena.last; i++)
		arena.page[i].prot = PROT_READ | PROT_WRITE;
	edges_n = 0;
}

static void new_heap(void)
{
	long unit = huge ? BLOCK * PAGE : PAGE;
	heap.base = (char *)(((uintptr_t)syscall(SYS_brk, 0L) + unit - 1) & -unit);
	heap.last = huge ? 4 * BLOCK : 7;
	heap.pages = heap.last + 1; // the last is never the heap's
	must((char *)syscall(SYS_brk, heap.base) == heap.base);
}

static void report(void)
{
	// What the test adds up.
	say("calls: munmap %ld mprotect %ld fixed %ld over %ld move %ld shrink %ld grow %ld dontunmap %ld brk-down %ld brk-up %ld dontneed %ld",
	    counts.munmap, counts.mprotect, counts.fixed, counts.over, counts.move, counts.shrink, counts.grow,
	    counts.dontunmap, counts.brk_down, counts.brk_up, counts.dontneed);
	say("found: touches %ld faults %ld", counts.touches, counts.faults);
}

int main(int argc, char **argv)
{
	must(argc >= 3);
	huge = strcmp(argv[1], "huge") == 0;
	state = strtoul(argv[2], 0, 10) * 7919 + 1;
#ifdef __GLIBC__
	state += 7919UL << 32; // other walks with each C library
#endif
	checks = argc > 3 ? atoi(argv[3]) : huge ? 100 : 150;
	catch_faults();
	new_heap();
	for (step = 0; step < checks; step++) {
		if (step % ROUND == 0)
			new_arena();
		for (int calls = 1 + any(7); calls > 0; calls--)
			do_any();
		check_all();
		if (step % ROUND == ROUND - 1) {
			read_all(&arena);
			read_all(&heap);
		}
	}
	report();
	return 0;
}
