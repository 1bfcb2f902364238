// strings: the C library's copying and searching, which picks its instructions
// by CPUID and XCR0 at start, over every small size and alignment, and what
// CPUID promises.
#include "facts.h"
#include <cpuid.h>
#include <immintrin.h>
#include <wchar.h>

static unsigned char a[9000], b[9000], c[9000];

static void fill(void)
{
	uint32_t x = 1;
	for (size_t i = 0; i < sizeof a; i++) {
		x = x * 1664525 + 1013904223;
		a[i] = x >> 24;
	}
	memset(b, 0xee, sizeof b);
}

static void test_copies(void)
{
	say("# copies");
	uint64_t h = 0;
	for (size_t n = 0; n < 300; n++)
		for (size_t from = 0; from < 64; from += 7)
			for (size_t to = 0; to < 64; to += 9) {
				memset(b, 0xee, 500);
				memcpy(b + to, a + from, n);
				must(memcmp(b + to, a + from, n) == 0 && b[to + n] == 0xee && (to == 0 || b[to - 1] == 0xee));
				memmove(b + to + 5, b + to, n);
				h = h * 31 + sum(b, 400);
			}
	static const size_t sizes[] = {511, 512, 1023, 2048, 4095, 4096, 8000};
	for (size_t i = 0; i < LEN(sizes); i++)
		for (size_t to = 0; to < 64; to += 13) {
			memcpy(b + to, a + 3, sizes[i]);
			memmove(b + to / 2, b + to, sizes[i]);
			memset(c, (int)i, sizes[i]);
			h = h * 31 + sum(b, sizes[i]) + sum(c, sizes[i]);
		}
	say("%016lx", (unsigned long)h);
	char *big = malloc(20 << 20);
	for (size_t i = 0; i < 10 << 20; i++)
		big[i] = (char)(i * 7 >> 5);
	memcpy(big + (10 << 20), big, 10 << 20);
	memmove(big + 12345, big, 15 << 20);
	memset(big + (16 << 20), 9, 3 << 20);
	say("%016lx", (unsigned long)sum(big, 20 << 20));
	free(big);
}

static void test_searches(void)
{
	say("# searches");
	uint64_t h = 0;
	char *end_ = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(munmap(end_ + 2 * PAGE, PAGE) == 0);
	end_ += 2 * PAGE;
	for (size_t n = 0; n < 200; n++) {
		// Strings that end where the page ends: no reading beyond.
		char *s = end_ - n - 1;
		memset(s, 'x', n);
		s[n] = 0;
		h = h * 31 + strlen(s) + strnlen(s, 77);
		h = h * 31 + (strchr(s, 'y') == 0) + (strrchr(s, 'x') - s) * (n > 0);
		h = h * 31 + (memchr(s, 0, n + 1) == s + n);
		if (n) {
			s[n - 1] = 'y';
			h = h * 31 + (strchr(s, 'y') - s) + (strstr(s, "xy") ? strstr(s, "xy") - s : 500);
			h = h * 31 + strcspn(s, "zy") + strspn(s, "x") + (strpbrk(s, "qy") - s);
			s[n - 1] = 'x';
		}
		memset(b, 'x', n);
		b[n] = 0;
		h = h * 31 + (strcmp(s, (char *)b) == 0) + (memcmp(s, b, n) == 0) + (strncmp(s, (char *)b, n) == 0);
		b[n / 2] = 'a';
		h = h * 31 + (strcmp(s, (char *)b) > 0) * 3 + (memcmp(b, s, n) < 0) * 5 + strcasecmp(s, (char *)b);
		strcpy((char *)c, s);
		strncat((char *)c, "tail", 2);
		h = h * 31 + sum(c, n + 3);
		stpncpy((char *)c, s, n + 20);
		h = h * 31 + sum(c, n + 20);
	}
	say("%016lx", (unsigned long)h);
	wchar_t w[100];
	wmemset(w, L'w', 99);
	w[99] = 0;
	say("%zu %ld", wcslen(w), (long)(wcschr(w, 0) - w));
}

static unsigned long xcr0(void)
{
	unsigned lo, hi;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (unsigned long)hi << 32 | lo;
}

__attribute__((target("avx2"))) static void test_avx2(void)
{
	__m256i x = _mm256_set1_epi32(7), y = _mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 8);
	__asm__ volatile("" : "+x"(x), "+x"(y));
	long nr = SYS_sched_yield; // the upper halves outlive a system call
	__asm__ volatile("vmovdqa %1, %%ymm5; syscall; vmovdqa %%ymm5, %1" : "+a"(nr), "+m"(y)::"rcx", "r11", "memory", "xmm5");
	int out[8];
	_mm256_storeu_si256((void *)out, _mm256_mullo_epi32(x, y));
	must(out[0] == 7 && out[7] == 56 && out[4] == 35);
}

__attribute__((target("avx512f"))) static void test_avx512(void)
{
	__m512i y = _mm512_set1_epi64(0x123456789);
	long nr = SYS_sched_yield;
	__asm__ volatile("vmovdqa64 %1, %%zmm20; syscall; vmovdqa64 %%zmm20, %1" : "+a"(nr), "+m"(y)::"rcx", "r11", "memory");
	long out[8];
	_mm512_storeu_si512(out, y);
	must(out[0] == 0x123456789 && out[7] == 0x123456789);
}

static void test_cpuid(void)
{
	say("# what CPUID promises is there");
	unsigned a_, b_, c_, d_;
	must(__get_cpuid(1, &a_, &b_, &c_, &d_));
	IS((d_ >> 25 & 1) && (d_ >> 26 & 1)); // SSE, SSE2
	int osxsave = c_ >> 27 & 1, avx = c_ >> 28 & 1;
	unsigned long x = osxsave ? xcr0() : 0;
	IS(!osxsave || (x & 3) == 3);
	IS(!avx || (osxsave && (x & 7) == 7));
	must(__get_cpuid_count(7, 0, &a_, &b_, &c_, &d_));
	int avx2 = b_ >> 5 & 1, avx512 = b_ >> 16 & 1, amx = d_ >> 24 & 1;
	if (avx && avx2)
		test_avx2();
	IS(!avx512 || (x & 0xe7) == 0xe7);
	if (avx512 && (x & 0xe7) == 0xe7)
		test_avx512();
	IS(!amx || (x & 0x60000) == 0x60000);
	unsigned size;
	if (osxsave && __get_cpuid_count(13, 0, &a_, &b_, &c_, &d_)) {
		size = b_;
		IS((x & ~((unsigned long)d_ << 32 | a_)) == 0);
		IS(size >= 576 && size <= c_);
		static unsigned char area[16384] __attribute__((aligned(64)));
		must(size <= sizeof area);
		__asm__ volatile("xsave64 %0" : "+m"(area) : "a"(-1), "d"(-1) : "memory");
		unsigned long header;
		memcpy(&header, area + 512, 8);
		IS((header & ~x) == 0);
	}
	unsigned long before = __builtin_ia32_rdtsc(), after = __builtin_ia32_rdtsc();
	IS(after > before);
	unsigned fsgs;
	__get_cpuid_count(7, 0, &a_, &fsgs, &c_, &d_);
	if (fsgs & 1) {
		unsigned long fs, self;
		__asm__ volatile("rdfsbase %0; mov %%fs:0, %1" : "=r"(fs), "=r"(self));
		must(fs == self);
	}
	unsigned char byte = 0;
	if (__get_cpuid(1, &a_, &b_, &c_, &d_) && (c_ >> 30 & 1))
		__asm__ volatile("rdrand %%rax; setc %0" : "=r"(byte)::"rax", "cc");
	say("all ran");
}

int main(void)
{
	fill();
	test_copies();
	test_searches();
	test_cpuid();
	return 0;
}
