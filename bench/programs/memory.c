// memory measures memory-bound work on 192 MiB of anonymous memory, part by
// part: the first touch of every page; five sweeps that change one byte in each
// cache line; five million reads at random places, which miss the TLB.
//
// Prints "touch", "sweep", "random" (nanoseconds by CLOCK_MONOTONIC), "warm"
// (the last two, on memory already touched), "ns" (all) and "checksum". What differs between runtimes is how memory gets
// behind the pages, and the size of those pages.

#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#define SIZE ((size_t)192 << 20)
#define SWEEPS 5
#define READS 5000000

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(void)
{
	volatile unsigned char *p =
		mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		perror("memory: mmap 192 MiB");
		return 1;
	}

	uint64_t t0 = now();
	for (size_t i = 0; i < SIZE; i += 4096)
		p[i] = (unsigned char)(i >> 12);
	uint64_t t1 = now();
	for (int s = 0; s < SWEEPS; s++)
		for (size_t i = 0; i < SIZE; i += 64)
			p[i]++;
	uint64_t t2 = now();
	uint32_t x = 1;
	uint64_t sum = 0;
	for (int i = 0; i < READS; i++) {
		// Numerical Recipes' linear congruential generator; its high bits
		// scaled to the size (a remainder would favour low addresses).
		x = x * 1664525u + 1013904223u;
		sum += p[(uint64_t)x * SIZE >> 32];
	}
	uint64_t t3 = now();

	printf("touch %llu\nsweep %llu\nrandom %llu\nwarm %llu\nns %llu\nchecksum %llx\n",
	       (unsigned long long)(t1 - t0), (unsigned long long)(t2 - t1),
	       (unsigned long long)(t3 - t2), (unsigned long long)(t3 - t1), (unsigned long long)(t3 - t0),
	       (unsigned long long)sum);
	return 0;
}
