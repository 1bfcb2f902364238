#include <stdio.h>
#include <stdlib.h>

/* Prints what it is given and a little arithmetic; the same everywhere. */
int main(int argc, char **argv)
{
	double sum = 0;
	for (int i = 1; i <= 1000; i++)
		sum += 1.0 / i;
	for (int i = 1; i < argc; i++)
		printf("hello, %s\n", argv[i]);
	printf("%.15f %s\n", sum, getenv("NAME"));
	return 7;
}
