// devices: the devices of every world, and the files of /proc, /sys and /etc
// that programs look for.
#include "facts.h"

static char buffer[1 << 12];

static void test_devices(void)
{
	say("# devices");
	int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR), random = open("/dev/urandom", O_RDONLY);
	TRY(read(null, buffer, 10));
	TRY(write(null, buffer, 10));
	memset(buffer, 1, 100);
	TRY(read(zero, buffer, 10));
	IS(buffer[0] == 0 && buffer[9] == 0 && buffer[10] == 1);
	TRY(write(zero, buffer, 10));
	TRY(pread(zero, buffer, 10, 1000));
	TRY(read(random, buffer, 1000));
	struct stat s;
	TRY(fstat(null, &s));
	IS(S_ISCHR(s.st_mode) && s.st_rdev == 0x103);
	TRY(stat("/dev/zero", &s));
	IS(S_ISCHR(s.st_mode) && s.st_rdev == 0x105);
	TRY(stat("/dev/urandom", &s));
	IS(S_ISCHR(s.st_mode) && s.st_rdev == 0x109);
	TRY(open("/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0600));
	TRY(ftruncate(null, 0));
	TRY(fsync(null));
	TRY(open("/dev/nothing", O_RDONLY));
	say("# /proc, /etc");
	int self = open("/proc/self/exe", O_RDONLY);
	TRY(read(self, buffer, 4));
	IS(memcmp(buffer, "\177ELF", 4) == 0);
	FILE *f = fopen("/proc/meminfo", "r");
	long total = 0;
	IS(f && fscanf(f, "MemTotal: %ld kB", &total) == 1 && total > 1000);
	if (f)
		fclose(f);
	f = fopen("/proc/self/maps", "r");
	int mine = 0, stack = 0;
	while (f && fgets(buffer, sizeof buffer, f)) {
		unsigned long from, to, me = (unsigned long)(uintptr_t)test_devices;
		char mode[8];
		if (sscanf(buffer, "%lx-%lx %7s", &from, &to, mode) != 3)
			say("odd line: %s", buffer);
		if (from <= me && me < to)
			mine = strcmp(mode, "r-xp") == 0;
		stack |= strstr(buffer, "[stack]") != 0;
	}
	IS(mine);
	IS(stack);
	show("/sys/devices/system/cpu/online");
	TRY(open("/proc/self/exe", O_WRONLY));
	TRY(open("/etc/passwd", O_WRONLY));
	f = fopen("/etc/passwd", "r");
	IS(f && fgets(buffer, sizeof buffer, f) && strncmp(buffer, "root:x:0:0:", 11) == 0);
}

int main(void)
{
	test_devices();
	return 0;
}
