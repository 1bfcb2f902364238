// taken: what a call takes from the address space is gone when it returns.
//
// The program touches each place itself: a call that asks the kernel would not
// show what the processor still holds. Each case touches, changes, and touches
// again: in the range that was changed, and just outside, where nothing may
// have changed. More processors are more lines of the table touchers.
#include "catch.h"

#define RET '\xc3' // the instruction that stands where code is

// here touches on the program's only thread, and says what came of it.
static const char *here(volatile char *at, enum kind kind)
{
	static char text[40];
	int sig = sigsetjmp(back, 0);
	if (sig) {
		snprintf(text, sizeof text, "%s %d%s", sig == SIGSEGV ? "SIGSEGV" : sig == SIGBUS ? "SIGBUS" : "other",
			 fault_code, fault_at == at ? "" : " elsewhere");
		return text;
	}
	switch (kind) {
	case READ:
		snprintf(text, sizeof text, "%02x", (unsigned char)*at);
		return text;
	case WRITE:
		*at = 'W';
		return "ok";
	default:
		((void (*)(void))at)();
		return "ok";
	}
}

static const struct {
	const char *who;
	const char *(*touch)(volatile char *at, enum kind kind);
} touchers[] = {{"thread", here}};

static void touch(const char *where, char *at, enum kind kind)
{
	for (size_t i = 0; i < LEN(touchers); i++)
		say("  %s %ss %s: %s", touchers[i].who, kind == READ ? "read" : kind == WRITE ? "write" : "execute", where,
		    touchers[i].touch(at, kind));
}

// A range is what a call changes, in an area around it.
struct range {
	const char *name;
	long area, at, length;
};

static const struct range ranges[] = {
	{"4 KiB", 16 * PAGE, 4 * PAGE, PAGE},
	{"2 MiB", 8 << 20, 2 << 20, 2 << 20},
	{"4 KiB of 2 MiB", 8 << 20, (2 << 20) + 7 * PAGE, PAGE},
	{"2 MiB across", 8 << 20, (2 << 20) + 7 * PAGE, 2 << 20},
};

static const struct range *range;
static char *area, *start; // the area, and in it the range
static int file;

#define END (start + range->length)

// touch_all touches the range's ends and what is beside it: reading where a
// write would hide what is there.
static void touch_all(enum kind kind)
{
	touch("the first byte", start, kind);
	touch("the last byte", END - 1, kind);
	touch("the byte before", start - 1, kind);
	touch("the byte behind", END, kind);
}

static void read_and_write(void)
{
	touch_all(READ);
	touch_all(WRITE);
}

// fill puts code at the range's ends and beside it.
static void fill(void)
{
	start[0] = END[-1] = start[-1] = END[0] = RET;
}

// prepare maps the area and touches it.
static void prepare(const char *what)
{
	say("# %s, %s", what, range->name);
	char *p = mmap(0, range->area + (2 << 20), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(p != MAP_FAILED);
	area = (char *)(((uintptr_t)p + (2 << 20) - 1) & -(2L << 20));
	start = area + range->at;
	read_and_write();
	fill();
}

// finish takes the area away.
static void finish(void) { must(munmap(area, range->area) == 0); }

static void test_munmap(void)
{
	prepare("munmap");
	TRY(munmap(start, range->length));
	read_and_write();
	must(mmap(start, range->length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == start);
	touch_all(READ); // another page: zero
	finish();
}

static void test_mprotect(void)
{
	prepare("mprotect to nothing, and back");
	TRY(mprotect(start, range->length, PROT_NONE));
	read_and_write();
	TRY(mprotect(start, range->length, PROT_READ | PROT_WRITE));
	read_and_write();
	finish();
	prepare("mprotect to read");
	TRY(mprotect(start, range->length, PROT_READ));
	read_and_write();
	finish();
	prepare("mprotect of code");
	TRY(mprotect(area, range->area, PROT_READ | PROT_EXEC));
	touch_all(EXECUTE);
	TRY(mprotect(start, range->length, PROT_READ));
	touch_all(EXECUTE);
	TRY(mprotect(start, range->length, PROT_READ | PROT_EXEC));
	touch_all(EXECUTE);
	TRY(mprotect(start, range->length, PROT_READ | PROT_WRITE));
	touch_all(EXECUTE);
	finish();
}

static void test_fixed(void)
{
	static const struct {
		const char *what;
		int prot;
	} over[] = {{"nothing", PROT_NONE}, {"read", PROT_READ}, {"read and write", PROT_READ | PROT_WRITE}};
	for (size_t i = 0; i < LEN(over); i++) {
		prepare("MAP_FIXED over");
		say("%s", over[i].what);
		IS(mmap(start, range->length, over[i].prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == start);
		read_and_write();
		finish();
	}
	prepare("MAP_FIXED of a file over");
	IS(mmap(start, range->length, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0) == start);
	read_and_write();
	finish();
}

static void test_mremap(void)
{
	prepare("mremap away");
	char *to = mmap(0, range->length + (2 << 20), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(to != MAP_FAILED);
	char *there = (char *)(((uintptr_t)to + (2 << 20) - 1) & -(2L << 20));
	IS(mremap(start, range->length, range->length, MREMAP_MAYMOVE | MREMAP_FIXED, there) == there);
	read_and_write();
	touch("the new place", there, READ);
	touch("the new place's end", there + range->length - 1, READ);
	IS(mremap(there, range->length, range->length, MREMAP_MAYMOVE | MREMAP_FIXED, start) == start);
	touch("the place left", there, READ);
	touch_all(READ);
	finish();
}

static void test_mremap_over(void)
{
	prepare("mremap over");
	char *from = mmap(0, range->length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(from != MAP_FAILED);
	touch("what is to move", from, READ);
	IS(mremap(from, range->length, range->length, MREMAP_MAYMOVE | MREMAP_FIXED, start) == start);
	read_and_write();
	touch("the place left", from, READ);
	finish();
	prepare("mremap to less");
	IS(mremap(area, range->area, range->at, 0) == area);
	read_and_write();
	finish();
}

static void test_madvise(void)
{
	prepare("MADV_DONTNEED");
	TRY(madvise(start, range->length, MADV_DONTNEED));
	read_and_write();
	finish();
	prepare("MADV_DONTNEED of a page that may be read");
	must(mprotect(start, range->length, PROT_READ) == 0);
	touch_all(READ);
	TRY(madvise(start, range->length, MADV_DONTNEED));
	read_and_write();
	finish();
	prepare("MADV_DONTNEED of a file's page that was written");
	must(mmap(start, range->length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file, 0) == start);
	read_and_write();
	touch_all(READ);
	TRY(madvise(start, range->length, MADV_DONTNEED));
	touch_all(READ);
	finish();
}

static char *brk_to(char *to) { return (char *)syscall(SYS_brk, to); }

static void test_brk(void)
{
	char *base = brk_to(0);
	say("# brk, %s", range->name);
	area = (char *)(((uintptr_t)base + (2 << 20) - 1) & -(2L << 20));
	start = area + range->at;
	must(brk_to(area + range->area) == area + range->area);
	read_and_write();
	IS(brk_to(END) == END); // down to the range's end, then to its start
	touch_all(READ);
	IS(brk_to(start) == start);
	read_and_write();
	IS(brk_to(area + range->area) == area + range->area);
	touch_all(READ);
	must(brk_to(base) == base);
	touch("the byte before", start - 1, READ);
}

int main(void)
{
	catch_faults();
	file = open("/tmp/taken", O_RDWR | O_CREAT, 0600);
	must(file >= 0 && ftruncate(file, 2 << 20) == 0);
	must(pwrite(file, "first", 5, 0) == 5 && pwrite(file, "last", 4, PAGE - 4) == 4 && pwrite(file, "end", 3, (2 << 20) - 3) == 3);
	for (size_t i = 0; i < LEN(ranges); i++) {
		range = &ranges[i];
		test_munmap();
		test_mprotect();
		test_fixed();
		test_mremap();
		test_mremap_over();
		test_madvise();
		test_brk();
	}
	return 0;
}
