// paths: names that lead out of the world, or would. The folder /in was made by
// somebody who helps: it has links, pipes, sockets and devices of the host.
#include "attack.h"
#include <dirent.h>

static char name[70000];

// look prints what comes of a name in every call that opens or asks.
static void look(const char *path)
{
	struct stat st;
	char text[200] = "";
	int fd = open(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		say("open: %s", errno_name(errno));
	else
		say("open: %s", read(fd, text, sizeof text - 1) < 0 ? errno_name(errno) : text);
	say("stat: %s", stat(path, &st) == 0 ? "ok" : errno_name(errno));
	say("write: %s", open(path, O_WRONLY | O_NONBLOCK) >= 0 ? "ok" : errno_name(errno));
	say("chdir: %s", chdir(path) == 0 ? "ok" : errno_name(errno));
}
#define L(n, path) static void n(void) { look(path); }
L(fifo, "/in/fifo") L(socket_, "/in/socket") L(character_device, "/in/null") L(block_device, "/in/disk") L(kvm_device, "/in/kvm") L(link_to_device, "/in/to_kvm") L(link_to_fifo, "/in/to_fifo")
L(absolute_link, "/in/absolute") L(relative_link, "/in/relative") L(climbing_link, "/in/climbing") L(loop_link, "/in/loop") L(ping_link, "/in/ping") L(chain_link, "/in/chain00") L(proc_link, "/in/to_proc") L(folder_link, "/in/to_root/secret") L(link_to_link_out, "/in/to_absolute")
L(up, "/in/../secret") L(up_up, "/in/../../../../../../../../secret") L(up_inside, "/in/folder/../../secret") L(up_from_file, "/in/text/../text") L(up_from_link, "/in/tofolder/../secret") L(root_up, "/../../secret")
L(proc_root, "/proc/self/" "root/secret") L(proc_cwd, "/proc/self/cwd/secret") L(proc_fd, "/proc/self/fd/3") L(proc_mem, "/proc/self/mem") L(proc_1, "/proc/1/environ") L(proc_parent, "/proc/2/root") L(dev_kvm, "/dev/kvm") L(dev_mem, "/dev/mem") L(dev_tty, "/dev/tty") L(etc_shadow, "/etc/shadow") L(sys_kernel, "/sys/kernel/debug") L(dev_fd, "/dev/fd/4") L(empty, "") L(slashes, "////in////..////..////secret") L(dots, "/in/./././../././secret") L(trailing, "/in/text/") L(newline, "/in/\n/../secret")
static void long_name(void) { memset(name, 'n', 65536); look(name); }
static void long_path(void)
{
	for (int i = 0; i < 65536; i += 2)
		memcpy(name + i, "./", 2);
	look(name);
}
static void many_ups(void)
{
	memset(name, 0, sizeof name); // of an attack before
	for (int i = 0; i + 3 < 4080; i += 3)
		memcpy(name + i, "../", 3);
	strcat(name, "secret");
	look(name);
}
static void not_ended(void)
{
	char *p = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(p + PAGE, PAGE);
	memset(p, '/', PAGE);
	look(p);
	look(p + PAGE - 1);
}
static void nul_inside(void)
{
	memcpy(name, "/in/text\0/../../secret", 23);
	say("%s", open(name, O_RDONLY) >= 0 ? "the file before the zero" : errno_name(errno));
}
static void climb_by_descriptor(void)
{
	int fd = open("/in/folder", O_RDONLY);
	for (int i = 0; i < 10; i++) {
		int up = openat(fd, "..", O_RDONLY);
		must(up >= 0);
		fd = up;
	}
	say("secret: %s", openat(fd, "secret", O_RDONLY) >= 0 ? "found" : errno_name(errno));
	say("in: %s", openat(fd, "in", O_RDONLY) >= 0 ? "found" : errno_name(errno));
	say("link: %s", openat(fd, "in/absolute", O_RDONLY) >= 0 ? "found" : errno_name(errno));
}
static void make_links(void)
{
	say("symlink: %s", symlink("/../../secret", "/out/link") == 0 ? "made" : errno_name(errno));
	say("link: %s", link("/in/text", "/out/link") == 0 ? "made" : errno_name(errno));
	say("rename: %s", rename("/in/text", "/out/text") == 0 ? "made" : errno_name(errno));
	say("rename up: %s", rename("/tmp", "/out/../../x") == 0 ? "made" : errno_name(errno));
	say("mknod: %s", mknod("/out/kvm", S_IFCHR | 0600, 10 << 8 | 232) == 0 ? "made" : errno_name(errno));
	say("mkfifo: %s", mkfifo("/out/fifo", 0600) == 0 ? "made" : errno_name(errno));
	say("mount: %s", syscall(SYS_mount, "/in", "/out", "", 4096, 0) == 0 ? "made" : errno_name(errno));
	say("pivot: %s", syscall(SYS_pivot_root, "/in", "/in") == 0 ? "made" : errno_name(errno));
	say("setuid: %s", chmod("/out", 04777) == 0 ? "made" : errno_name(errno));
	int fd = open("/out/name\n\x1b[2J", O_CREAT | O_WRONLY, 06777);
	say("odd name: %s", fd >= 0 ? "made" : errno_name(errno));
}
// The host swaps a folder with a link that leads out, all the time.
static void renames_under_way(void)
{
	char text[64];
	for (int i = 0; i < 1500; i++) {
		int fd = open("/in/swap/secret", O_RDONLY);
		if (fd >= 0) {
			ssize_t n = read(fd, text, sizeof text);
			if (n > 0 && memcmp(text, "inside", 6) != 0)
				seen++;
			close(fd);
		}
		DIR *d = opendir("/in/swap");
		struct dirent *e;
		while (d && (e = readdir(d)))
			if (strcmp(e->d_name, "outside") == 0)
				seen++;
		if (d)
			closedir(d);
	}
}
static void list_in(void)
{
	DIR *d = opendir("/in");
	struct dirent *e;
	must(d);
	while ((e = readdir(d)))
		if (e->d_type != DT_REG && e->d_type != DT_DIR && e->d_type != DT_LNK)
			say("%s is of type %d", e->d_name, e->d_type);
}
#define E(n) {#n, n}
TABLE(E(fifo), E(socket_), E(character_device), E(block_device), E(kvm_device), E(link_to_device), E(link_to_fifo), E(absolute_link), E(relative_link), E(climbing_link), E(loop_link), E(ping_link), E(chain_link), E(proc_link), E(folder_link), E(link_to_link_out),
	E(up), E(up_up), E(up_inside), E(up_from_file), E(up_from_link), E(root_up), E(proc_root), E(proc_cwd), E(proc_fd), E(proc_mem), E(proc_1), E(proc_parent), E(dev_kvm), E(dev_mem), E(dev_tty), E(etc_shadow), E(sys_kernel), E(dev_fd), E(empty), E(slashes), E(dots), E(trailing), E(newline),
	E(long_name), E(long_path), E(many_ups), E(not_ended), E(nul_inside), E(climb_by_descriptor), E(make_links), E(renames_under_way), E(list_in))
