// integer measures integer compute: sort 64 Ki xorshift numbers, take the
// SHA-256 of the sorted table, repeat. The table is 256 KiB in .bss, so caches
// hold it, and neither page size nor allocation plays a part.
//
// Usage: integer [ROUNDS]. Prints "ns" (CLOCK_MONOTONIC around the kernel) and
// "checksum", which is the same on every machine.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT 65536

static uint32_t table[COUNT];

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// Marsaglia, "Xorshift RNGs", 2003, the 32-bit generator.
static uint32_t xorshift(uint32_t *state)
{
	uint32_t x = *state;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return *state = x;
}

static void sift(uint32_t *a, size_t root, size_t n)
{
	uint32_t v = a[root];
	for (size_t child; (child = 2 * root + 1) < n; root = child) {
		if (child + 1 < n && a[child + 1] > a[child])
			child++;
		if (a[child] <= v)
			break;
		a[root] = a[child];
	}
	a[root] = v;
}

static void heapsort(uint32_t *a, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift(a, i, n);
	while (n > 1) {
		n--;
		uint32_t v = a[0];
		a[0] = a[n];
		a[n] = v;
		sift(a, 0, n);
	}
}

// FIPS 180-4, section 4.2.2.
static const uint32_t K[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotr(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

// FIPS 180-4, section 6.2.2, on 16 words in the machine's byte order: a fixed
// amount of work with a result that depends on each bit is all that is wanted.
static void sha256_block(uint32_t h[8], const uint32_t *block)
{
	uint32_t w[64], v[8];
	memcpy(w, block, 64);
	for (int i = 16; i < 64; i++) {
		uint32_t s0 = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
		uint32_t s1 = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
	memcpy(v, h, sizeof v);
	for (int i = 0; i < 64; i++) {
		uint32_t s1 = rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25);
		uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[i] + w[i];
		uint32_t s0 = rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22);
		uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		memmove(v + 1, v, 7 * sizeof *v);
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		h[i] += v[i];
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 25;
	uint32_t h[8] = {1, 2, 3, 4, 5, 6, 7, 8}, seed = 2463534242u;

	uint64_t start = now();
	for (long r = 0; r < rounds; r++) {
		for (size_t i = 0; i < COUNT; i++)
			table[i] = xorshift(&seed);
		heapsort(table, COUNT);
		for (size_t i = 0; i < COUNT; i += 16)
			sha256_block(h, table + i);
	}
	uint64_t ns = now() - start;

	printf("ns %llu\nchecksum ", (unsigned long long)ns);
	for (int i = 0; i < 8; i++)
		printf("%08x", h[i]);
	putchar('\n');
	return 0;
}
