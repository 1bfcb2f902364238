// stdio: buffered input and output of the C library over the system calls.
#include "facts.h"
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stddef.h>
#include <wchar.h>

static void test_printf(void)
{
	say("# printf");
	printf("%d %5d|%-5d|%05d %x %#o %ld %llu\n", -1, 42, 42, 42, 255, 8, -5L, ~0ULL);
	printf("%f %.3f %e %g %G %a\n", 3.14159265358979, 2.0 / 3, 12345.678, 1e-10, 1e20, 1.5);
	printf("%.17g %.17g %.17g\n", 0.1, 1.0 / 3, DBL_MAX);
	printf("%f %f %f %f\n", INFINITY, -INFINITY, NAN, -0.0);
	printf("%Lf %.20Lg\n", 1.25L, 0.1L);
	printf("%s %.3s %10s|%-10s| %c %%\n", "text", "cut short", "right", "left", 'c');
	printf("%.0f %.0f %.0f %.0f\n", 0.5, 1.5, 2.5, 3.5);
	printf("%.40f\n", 0.1);
	printf("%.3a %A\n", 0x1.fffp3, 255.0);
	for (double x = 1e-20; x < 1e20; x *= 1234.5)
		printf("%g %.12e ", x, x);
	printf("\n%zu %td %jd %hhd %hd\n", (size_t)1, (ptrdiff_t)-2, (intmax_t)3, (char)300, (short)70000);
	fflush(stdout);
}

static void test_scanf(void)
{
	say("# scanf");
	int a = 0, b = 0, n;
	double d = 0;
	char word[20] = "", set[20] = "";
	n = sscanf(" 12 0x1f 3.5e2 word [abc]", "%d %i %lf %19s [%19[a-c]]", &a, &b, &d, word, set);
	say("%d: %d %d %g %s %s", n, a, b, d, word, set);
	n = sscanf("x", "%d", &a);
	say("%d", n);
	say("%d", sscanf("", "%d", &a));
	say("%.17g %.17g %g", strtod("0.1", 0), strtod("0x1.8p-3", 0), strtod("1e-400", 0));
	say("%ld %lu", strtol("-77zz", 0, 8), strtoul("zz", 0, 36));
	errno = 0;
	say("%ld %s", strtol("99999999999999999999", 0, 10), errno_name(errno));
}

static void test_files(void)
{
	say("# files");
	FILE *f = fopen("/out/table", "w+");
	must(f);
	for (int i = 0; i < 20000; i++)
		fprintf(f, "%d,%d,%.3f\n", i, i * i % 1000, i / 7.0);
	say("at %ld", ftell(f));
	rewind(f);
	long rows = 0, total = 0;
	int i, sq;
	double x, all = 0;
	while (fscanf(f, "%d,%d,%lf\n", &i, &sq, &x) == 3) {
		rows++;
		total += sq;
		all += x;
	}
	say("%ld rows, %ld, %.3f, end %d error %d", rows, total, all, !!feof(f), !!ferror(f));
	TRY(fseek(f, -10, SEEK_END));
	char line[64];
	say("%s", fgets(line, sizeof line, f) ? line : "nothing");
	TRY(fseek(f, 5, SEEK_SET));
	TRY(fputs("XXX", f));
	TRY(fflush(f));
	TRY(fseek(f, 0, SEEK_SET));
	say("%s", fgets(line, sizeof line, f) ? line : "nothing");
	TRY(ungetc('Z', f));
	TRY(fgetc(f));
	TRY(fclose(f));
	f = fopen("/out/table", "a");
	TRY(fputs("appended\n", f));
	TRY(fclose(f));
	f = fopen("/out/table", "r");
	TRY(fputs("no", f));
	IS(ferror(f));
	clearerr(f);
	unsigned char *block = malloc(1 << 20);
	size_t n = fread(block, 1, 1 << 20, f);
	say("%zu bytes, sum %016lx", n, (unsigned long)sum(block, n));
	TRY(fclose(f));
	IS(fopen("/in/nothing", "r") == 0 && errno == ENOENT);
	IS(fopen("/in/text", "w") == 0 && errno == EROFS);
	f = fopen("/in/text", "r");
	char *grown = 0;
	size_t room = 0;
	ssize_t got;
	while ((got = getline(&grown, &room, f)) > 0)
		say("%zd %.*s", got, (int)got - 1, grown);
	fclose(f);
	say("# large");
	f = fopen("/out/large", "wb");
	for (int k = 0; k < 1 << 20; k++)
		block[k] = (unsigned char)(k * 31 >> 4);
	for (int k = 0; k < 24; k++)
		must(fwrite(block, 1, 1 << 20, f) == 1 << 20);
	TRY(fclose(f));
	f = fopen("/out/large", "rb");
	uint64_t h = 0;
	long bytes = 0;
	while ((n = fread(block, 1, 333333, f)) > 0) {
		h = h * 31 + sum(block, n);
		bytes += n;
	}
	say("%ld bytes, %016lx", bytes, (unsigned long)h);
	TRY(fseeko(f, 20 << 20, SEEK_SET));
	TRY(getc(f));
	TRY(ftello(f));
	fclose(f);
	TRY(remove("/out/large"));
	say("# more");
	f = tmpfile();
	IS(f != 0);
	if (f) {
		fputs("kept nowhere", f);
		rewind(f);
		say("%s", fgets(line, sizeof line, f));
		fclose(f);
	}
	char name[] = "/tmp/madeXXXXXX";
	int fd = mkstemp(name);
	IS(fd >= 0);
	close(fd);
	TRY(remove(name));
	char *text = 0;
	size_t length = 0;
	f = open_memstream(&text, &length);
	fprintf(f, "in memory %d", 5);
	fclose(f);
	say("%s %zu", text, length);
	f = fmemopen("given bytes", 11, "r");
	say("%s", fgets(line, sizeof line, f));
	fclose(f);
	IS(setlocale(LC_ALL, "C") != 0);
	wchar_t wide[8];
	say("%ld", (long)mbstowcs(wide, "wide", 8));
	free(block);
}

static void test_input(void)
{
	say("# standard input");
	int a, b;
	say("%d", scanf("%d %d", &a, &b));
	say("%d", a + b);
	char line[100];
	while (fgets(line, sizeof line, stdin))
		say("line of %zu", strlen(line));
	IS(feof(stdin));
	fprintf(stderr, "to stderr %d\n", 1);
	perror("perror");
	setvbuf(stdout, 0, _IOFBF, 64);
	for (int i = 0; i < 30; i++)
		printf("chunk %d ", i);
	printf("\nleft in the buffer at exit\n");
}

int main(void)
{
	test_printf();
	test_scanf();
	test_files();
	test_input();
	return 3;
}
