// ordinary: a program that does nothing wrong, to run after those that do.
#include "facts.h"

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	say("%s", argv[1]);
	char *p = malloc(1 << 20);
	must(p);
	memset(p, 1, 1 << 20);
	put("/out/result", "42\n");
	put("/tmp/scratch", "17\n");
	must(unlink("/out/result") == 0);
	say("alive, 0");
	return 0;
}
