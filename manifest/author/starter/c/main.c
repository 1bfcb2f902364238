/* @NAME@: greets each file of /in in a file of /out.
 *
 * A payload is a plain program: it reads /in, writes /out, and what it prints
 * is its log. It sees nothing else that spaceos.yaml does not ask for. */
#include <dirent.h>
#include <stdio.h>

int main(void)
{
	FILE *out = fopen("/out/hello.txt", "w");
	if (!out) {
		perror("/out/hello.txt");
		return 1;
	}
	fprintf(out, "Hello from @NAME@\n");

	int files = 0;
	DIR *in = opendir("/in");
	for (struct dirent *e; in && (e = readdir(in));)
		if (e->d_name[0] != '.') {
			fprintf(out, "Hello, %s\n", e->d_name);
			files++;
		}
	if (in)
		closedir(in);

	if (fclose(out) != 0) {
		perror("/out/hello.txt");
		return 1;
	}
	printf("@NAME@: greeted %d files\n", files);
	return 0;
}
