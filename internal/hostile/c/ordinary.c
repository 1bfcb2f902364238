// ordinary: a program that does nothing wrong, to run after those that do.
#include "attack.h"

static void none(void)
{
	char *p = malloc(1 << 20);
	must(p);
	memset(p, 1, 1 << 20);
	put("/out/result", "42\n");
	put("/tmp/scratch", "17\n");
	must(unlink("/out/result") == 0);
	free(p);
}
TABLE({"none", none})
