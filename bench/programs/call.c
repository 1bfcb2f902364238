// call measures one system call: getppid, which has next to nothing to do, so
// that what is left is the way into the system and back. It is made with
// syscall(2), so that no C library or vDSO can answer it without a call.
//
// Batches of 500 calls are repeated for 300 ms; the clock, itself a call in
// some runtimes, is read once a batch, and that read is counted in. Prints
// "call" (mean nanoseconds a call), "best" (those of the fastest batch) and
// "calls".

#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCH 500

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(void)
{
	uint64_t start = now(), last = start, best = UINT64_MAX, calls = 0;
	while (last - start < 300000000u) {
		for (int i = 0; i < BATCH; i++) {
			if (syscall(SYS_getppid) < 0) {
				perror("call: getppid");
				return 1;
			}
		}
		calls += BATCH;
		uint64_t t = now();
		if (t - last < best)
			best = t - last;
		last = t;
	}
	printf("call %.2f\nbest %.2f\ncalls %llu\n", (double)(last - start) / (double)calls,
	       (double)best / BATCH, (unsigned long long)calls);
	return 0;
}
