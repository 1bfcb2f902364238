/* The other side of the differential test of files: it serves commands on
 * descriptor 1000 (in) and 1001 (out), each a header of 64-bit words:
 *   'W' addr len, then the bytes   writes memory
 *   'R' addr len                   answers with the bytes
 *   'C' nr a1..a6                  makes the call, answers with its result
 */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void all(int out, char *p, size_t n) {
	while (n > 0) {
		ssize_t m = out ? write(1001, p, n) : read(1000, p, n);
		if (m <= 0)
			_exit(0);
		p += m;
		n -= m;
	}
}

static long raw(uint64_t *w) {
	register long r10 __asm__("r10") = w[4], r8 __asm__("r8") = w[5], r9 __asm__("r9") = w[6];
	long ret;
	__asm__ volatile("syscall" : "=a"(ret) : "a"(w[0]), "D"(w[1]), "S"(w[2]), "d"(w[3]), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return ret;
}

int main(int argc, char **argv) {
	struct rlimit lim = {1024, 4096};
	setrlimit(RLIMIT_NOFILE, &lim);
	if (argc < 2 || chroot(argv[1]) || chdir("/"))
		return 1;
	for (int fd = 3; fd < 1000; fd++)
		close(fd);
	umask(022);
	// The root of a cell has no capability; of root's, CAP_IPC_LOCK would show.
	uint32_t header[2] = {0x20080522, 0}, caps[6];
	syscall(SYS_capget, header, caps);
	for (int i = 0; i < 3; i++)
		caps[i] &= ~(1u << 14);
	if (syscall(SYS_capset, header, caps))
		return 1;
	// Whether a new process has SS_DISABLE or 0 here depends on its ancestors.
	stack_t none = {.ss_flags = SS_DISABLE};
	sigaltstack(&none, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	for (;;) {
		uint64_t w[8];
		all(0, (char *)w, sizeof w);
		if (w[0] == 'W')
			all(0, (char *)w[1], w[2]);
		else if (w[0] == 'R')
			all(1, (char *)w[1], w[2]);
		else {
			long ret = raw(w + 1);
			all(1, (char *)&ret, sizeof ret);
		}
	}
}
