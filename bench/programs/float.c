// float measures floating-point compute: products of 192 x 192 matrices of
// doubles, then steps of a five-body problem with square roots and divisions.
// All tables together are below 1 MiB and in .bss, so neither page size nor
// allocation plays a part.
//
// Usage: float [ROUNDS]. Prints "ns" (CLOCK_MONOTONIC around the kernel) and
// "checksum", the bits of the results folded together.

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N 192
#define BODIES 5
#define STEPS 2000

static double a[N][N], b[N][N], c[N][N];
static double position[BODIES][3], velocity[BODIES][3], mass[BODIES];

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t fold(uint64_t sum, double v)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof bits);
	return (sum ^ bits) * 1099511628211u; // FNV-1a's prime
}

static void matmul(void)
{
	memset(c, 0, sizeof c);
	for (int i = 0; i < N; i++)
		for (int k = 0; k < N; k++)
			for (int j = 0; j < N; j++)
				c[i][j] += a[i][k] * b[k][j];
}

static void step(double dt)
{
	for (int i = 0; i < BODIES; i++) {
		for (int j = i + 1; j < BODIES; j++) {
			double d[3], square = 0.01;
			for (int x = 0; x < 3; x++) {
				d[x] = position[i][x] - position[j][x];
				square += d[x] * d[x];
			}
			double pull = dt / (square * sqrt(square));
			for (int x = 0; x < 3; x++) {
				velocity[i][x] -= d[x] * mass[j] * pull;
				velocity[j][x] += d[x] * mass[i] * pull;
			}
		}
	}
	for (int i = 0; i < BODIES; i++)
		for (int x = 0; x < 3; x++)
			position[i][x] += dt * velocity[i][x];
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 250;
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			a[i][j] = (double)((i * 31 + j * 17) % 97) / 97;
			b[i][j] = (double)((i * 13 + j * 41) % 89) / 89;
		}
	for (int i = 0; i < BODIES; i++) {
		mass[i] = 1.0 / (i + 1);
		for (int x = 0; x < 3; x++) {
			position[i][x] = (i + 1) * (x - 1.5);
			velocity[i][x] = 0.1 * (x + 1) - 0.05 * i;
		}
	}

	uint64_t start = now(), sum = 14695981039346656037u;
	for (long r = 0; r < rounds; r++) {
		matmul();
		sum = fold(sum, c[r % N][(r * 7) % N]);
		a[r % N][(r * 5) % N] += 1e-3;
		for (int s = 0; s < STEPS; s++)
			step(1e-3);
		sum = fold(sum, position[r % BODIES][r % 3]);
	}
	uint64_t ns = now() - start;

	printf("ns %llu\nchecksum %016llx\n", (unsigned long long)ns, (unsigned long long)sum);
	return 0;
}
