// idle measures the memory of a payload that waits: it touches memory, says
// "ready", sleeps, and ends with 0.
//
// Usage: idle MEBIBYTES SECONDS.

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "idle: usage: idle MEBIBYTES SECONDS\n");
		return 2;
	}
	size_t size = (size_t)atol(argv[1]) << 20;
	if (size > 0) {
		volatile unsigned char *p = malloc(size);
		if (!p) {
			perror("idle: malloc");
			return 1;
		}
		for (size_t i = 0; i < size; i += 4096)
			p[i] = 1;
	}
	puts("ready");
	fflush(stdout);
	struct timespec t = {.tv_sec = atol(argv[2])};
	nanosleep(&t, 0);
	return 0;
}
