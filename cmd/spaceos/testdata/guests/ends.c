// Ends in every way that a program can: ends HOW [NUMBER].
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void touch_everything(void)
{
	for (;;) {
		char *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED) {
			perror("mmap");
			exit(4);
		}
		memset(p, 1, 1 << 20);
	}
}

// Says that it has come this far, then waits for its end.
static void wait_for_it(const char *how)
{
	static char block[1 << 16];
	write(2, "ready\n", 6);
	if (!strcmp(how, "spin"))
		for (;;)
			__asm__ volatile("");
	if (!strcmp(how, "write"))
		for (;;)
			write(1, block, sizeof block);
	if (!strcmp(how, "read"))
		for (;;)
			read(0, block, sizeof block);
	for (;;)
		sleep(1000);
}

// Tidies up and leaves: what a service does when it is told to stop.
static void tidy(int n)
{
	char line[] = "tidied up after 00\n";
	line[16] += n / 10;
	line[17] += n % 10;
	write(2, line, sizeof line - 1);
	_exit(7);
}

int main(int argc, char **argv)
{
	const char *how = argv[1];
	long number = argc > 2 ? strtol(argv[2], 0, 0) : 0;
	if (!strcmp(how, "exit"))
		return number;
	if (!strcmp(how, "raise"))
		raise(number);
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "store"))
		*(volatile int *)(uintptr_t)number = 1;
	if (!strcmp(how, "divide"))
		__asm__ volatile("divl %%ecx" : : "a"(1), "d"(0), "c"(0));
	if (!strcmp(how, "memory"))
		touch_everything();
	if (!strcmp(how, "ignore")) {
		signal(SIGTERM, SIG_IGN);
		signal(SIGINT, SIG_IGN);
		how = argv[2];
	}
	if (!strcmp(how, "tidy")) {
		signal(SIGTERM, tidy);
		signal(SIGINT, tidy);
		how = argv[2];
	}
	wait_for_it(how);
}
