// Standard streams: streams cat | both | flood | stubborn.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char block[4096];

static int cat(void)
{
	ssize_t n;
	while ((n = read(0, block, sizeof block)) > 0)
		if (write(1, block, n) != n)
			return 1;
	return n < 0;
}

// Writes until it fails.
static int flood(void)
{
	while (write(1, block, sizeof block) > 0)
		;
	fprintf(stderr, "write: %s\n", strerror(errno));
	return 3;
}

int main(int argc, char **argv)
{
	if (!strcmp(argv[1], "cat"))
		return cat();
	if (!strcmp(argv[1], "both")) {
		write(1, "to stdout\n", 10);
		write(2, "to stderr\n", 10);
		return 0;
	}
	if (!strcmp(argv[1], "stubborn"))
		signal(SIGPIPE, SIG_IGN);
	return flood();
}
