// tree: folders, names, links, listings and the folder one is in.
#include "facts.h"
#include <dirent.h>

static void test_folders(void)
{
	say("# mkdir, rmdir");
	TRY(mkdir("/tmp/d", 0755));
	TRY(mkdir("/tmp/d", 0755));
	TRY(mkdir("/tmp/d/", 0755));
	TRY(mkdir("/tmp/d/e/", 0700));
	TRY(mkdir("/tmp/no/e", 0755));
	TRY(mkdir("/tmp/.", 0755));
	TRY(mkdir("/tmp/..", 0755));
	TRY(mkdir("/", 0755));
	TRY(mkdir("", 0755));
	TRY(mkdir("/in/d", 0755));
	TRY(mkdir("/in/text", 0755));
	TRY(mkdir("/in/text/d", 0755));
	TRY(mkdir("/in/dangling", 0755));
	TRY(mkdir("/app/d", 0755));
	TRY(mkdir("/out/d", 01777));
	TRY(mkdirat(AT_FDCWD, "/out/d/d", 0750));
	TRY(mkdirat(77, "d", 0750));
	describe("/tmp/d");
	describe("/tmp/d/e");
	describe("/out/d");
	describe("/out/d/d");
	TRY(rmdir("/tmp/d"));
	TRY(rmdir("/tmp/d/."));
	TRY(rmdir("/tmp/d/.."));
	TRY(rmdir("/tmp/d/e/"));
	TRY(rmdir("/tmp/d"));
	TRY(rmdir("/tmp/d"));
	TRY(rmdir("/tmp"));
	TRY(rmdir("/out"));
	TRY(rmdir("/"));
	TRY(rmdir("/in/none"));
	TRY(rmdir("/in/text"));
	put("/tmp/f", "f");
	TRY(rmdir("/tmp/f"));
	TRY(mkdir("/tmp/f/d", 0755));
	TRY(rmdir("/tmp/f/d"));
	TRY(rmdir("/out/d"));
}

static void test_unlink(void)
{
	say("# unlink");
	put("/tmp/u", "content");
	int fd = open("/tmp/u", O_RDWR);
	TRY(unlink("/tmp/u"));
	TRY(unlink("/tmp/u"));
	char text[16] = "";
	TRY(read(fd, text, 7));
	TRY(write(fd, "more", 4));
	struct stat s;
	TRY(fstat(fd, &s));
	say("links %d size %ld", (int)s.st_nlink, (long)s.st_size);
	close(fd);
	put("/out/u", "content");
	fd = open("/out/u", O_RDWR);
	TRY(unlink("/out/u"));
	TRY(write(fd, "C", 1));
	TRY(pread(fd, text, 7, 0));
	say("%s", text);
	close(fd);
	TRY(unlink("/tmp"));
	TRY(mkdir("/tmp/dir", 0755));
	TRY(unlink("/tmp/dir"));
	TRY(unlink("/tmp/dir/"));
	TRY(unlink("/tmp/f/"));
	TRY(unlink("/tmp/f/x"));
	TRY(unlink("/in/text"));
	TRY(unlink("/in/nothing"));
	TRY(unlink("/in/folder"));
	TRY(unlink(""));
	TRY(unlinkat(AT_FDCWD, "/tmp/dir", AT_REMOVEDIR));
	TRY(unlinkat(AT_FDCWD, "/tmp/f", AT_REMOVEDIR));
	TRY(unlinkat(AT_FDCWD, "/tmp/f", 0x1));
	int dir = open("/tmp", O_RDONLY);
	put("/tmp/g", "g");
	TRY(unlinkat(dir, "g", 0));
	TRY(unlinkat(77, "g", 0));
	close(dir);
}

static void test_rename(void)
{
	say("# rename");
	put("/tmp/a", "a");
	put("/tmp/b", "bb");
	TRY(rename("/tmp/a", "/tmp/c"));
	show("/tmp/c");
	TRY(rename("/tmp/a", "/tmp/d"));
	TRY(rename("/tmp/c", "/tmp/b"));
	show("/tmp/b");
	TRY(rename("/tmp/b", "/tmp/b"));
	TRY(mkdir("/tmp/one", 0755));
	TRY(mkdir("/tmp/two", 0755));
	TRY(rename("/tmp/b", "/tmp/one/b"));
	TRY(rename("/tmp/one", "/tmp/two"));
	show("/tmp/two/b");
	TRY(mkdir("/tmp/three", 0755));
	TRY(rename("/tmp/three", "/tmp/two"));
	TRY(rename("/tmp/two", "/tmp/two/below"));
	TRY(rename("/tmp/two/b", "/tmp/three"));
	TRY(rename("/tmp/three", "/tmp/two/b"));
	TRY(rename("/tmp/two/", "/tmp/moved/"));
	TRY(rename("/tmp/moved/b/", "/tmp/x"));
	TRY(rename("/tmp/moved/b", "/tmp/x/"));
	TRY(rename("/tmp/moved/.", "/tmp/x"));
	TRY(rename("/tmp/moved/b", "/no/x"));
	TRY(rename("/tmp/moved/b", "/tmp/no/x"));
	TRY(rename("/tmp/moved/b", "/out/x"));
	TRY(rename("/out/nothing", "/tmp/x"));
	TRY(rename("/in/text", "/in/other"));
	TRY(rename("/tmp/moved/b", "/in/other"));
	TRY(rename("/in/text", "/tmp/other"));
	TRY(rename("/tmp", "/tmp2"));
	TRY(rename("", "/tmp/x"));
	TRY(rename("/tmp/moved/b", ""));
	put("/out/p", "product");
	TRY(mkdir("/out/.done", 0755));
	TRY(rename("/out/p", "/out/.done/p"));
	TRY(rename("/out/.done/p", "/data/p"));
	put("/tmp/e", "e");
	put("/tmp/f", "f");
	TRY(syscall(SYS_renameat2, AT_FDCWD, "/tmp/e", AT_FDCWD, "/tmp/f", 1 /* NOREPLACE */));
	TRY(syscall(SYS_renameat2, AT_FDCWD, "/tmp/e", AT_FDCWD, "/tmp/new", 1));
	show("/tmp/new");
	TRY(syscall(SYS_renameat2, AT_FDCWD, "/tmp/new", AT_FDCWD, "/tmp/f", 0x80));
	TRY(syscall(SYS_renameat2, AT_FDCWD, "/tmp/new", AT_FDCWD, "/tmp/f", 3));
	TRY(renameat(AT_FDCWD, "/tmp/new", AT_FDCWD, "/tmp/newer"));
	TRY(renameat(77, "new", AT_FDCWD, "/tmp/newer"));
	int open_file = open("/tmp/newer", O_RDWR);
	TRY(rename("/tmp/f", "/tmp/newer"));
	char c = 0;
	TRY(read(open_file, &c, 1));
	say("the open file still holds %c", c);
	show("/tmp/newer");
	close(open_file);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list(const char *path)
{
	DIR *d = opendir(path);
	if (!d) {
		say("opendir %s: %s", path, errno_name(errno));
		return;
	}
	char *names[300];
	int n = 0;
	struct dirent *e;
	while ((e = readdir(d)) && n < 300) {
		char line[300];
		snprintf(line, sizeof line, "%s type %d", e->d_name, e->d_type);
		names[n++] = strdup(line);
		struct stat s;
		if (strcmp(e->d_name, "..") != 0) {
			must(fstatat(dirfd(d), e->d_name, &s, AT_SYMLINK_NOFOLLOW) == 0);
			if (s.st_ino != e->d_ino)
				say("%s has another inode in the listing", e->d_name);
		}
	}
	qsort(names, n, sizeof *names, by_name);
	say("%s holds %d:", path, n);
	for (int i = 0; i < n; i++)
		say("  %s", names[i]);
	rewinddir(d);
	int again = 0;
	while (readdir(d))
		again++;
	IS(again == n);
	closedir(d);
}

static void test_listing(void)
{
	say("# getdents64");
	list("/in");
	list("/in/folder");
	list("/in/none");
	list("/in/tofolder");
	list("/in/text");
	list("/in/nothing");
	TRY(mkdir("/tmp/list", 0755));
	list("/tmp/list");
	char name[64];
	for (int i = 0; i < 400; i++) {
		snprintf(name, sizeof name, "/tmp/list/a-rather-long-name-%04d", i);
		put(name, "");
	}
	DIR *d = opendir("/tmp/list");
	int seen = 0;
	static char found[400];
	struct dirent *e;
	long middle = 0;
	while ((e = readdir(d))) {
		int i = -1;
		if (sscanf(e->d_name, "a-rather-long-name-%d", &i) == 1)
			found[i]++;
		if (++seen == 100)
			middle = telldir(d);
	}
	say("saw %d entries", seen);
	for (int i = 0; i < 400; i++)
		if (found[i] != 1)
			say("entry %d was seen %d times", i, found[i]);
	seekdir(d, middle);
	for (seen = 0; readdir(d);)
		seen++;
	say("after telldir at 100: %d more", seen);
	rewinddir(d);
	for (int i = 0; (e = readdir(d));)
		if (e->d_name[0] == 'a') {
			snprintf(name, sizeof name, "/tmp/list/%s", e->d_name);
			must(unlink(name) == 0);
			i++;
		}
	closedir(d);
	list("/tmp/list");
	int fd = open("/in", O_RDONLY), file = open("/in/text", O_RDONLY);
	char buffer[2048];
	TRY(syscall(SYS_getdents64, fd, buffer, 10));
	TRY(syscall(SYS_getdents64, fd, buffer, 24));
	TRY(syscall(SYS_getdents64, file, buffer, 2048));
	TRY(syscall(SYS_getdents64, 77, buffer, 2048));
	TRY(syscall(SYS_getdents64, fd, 8, 2048));
	TRY(rmdir("/tmp/list"));
	close(fd);
	// A folder that is gone lists nothing.
	must(mkdir("/tmp/gone", 0755) == 0);
	fd = open("/tmp/gone", O_RDONLY);
	must(rmdir("/tmp/gone") == 0);
	TRY(syscall(SYS_getdents64, fd, buffer, 2048));
	TRY(openat(fd, "x", O_CREAT | O_WRONLY, 0600));
	TRY(mkdirat(fd, "x", 0700));
	close(fd);
	// Nor does one that was listed in part.
	must(mkdir("/tmp/gone", 0755) == 0);
	fd = open("/tmp/gone", O_RDONLY);
	must(syscall(SYS_getdents64, fd, buffer, 24) == 24);
	must(rmdir("/tmp/gone") == 0);
	TRY(syscall(SYS_getdents64, fd, buffer, 2048));
	close(fd);
	close(file);
}

static void test_links(void)
{
	say("# links");
	char to[64];
	memset(to, 0, sizeof to);
	TRY(readlink("/in/link", to, sizeof to));
	say("%s", to);
	TRY(readlink("/in/absolute", to, 3));
	TRY(readlink("/in/dangling", to, sizeof to));
	TRY(readlink("/in/loop", to, sizeof to));
	TRY(readlink("/in/folder/up", to, sizeof to));
	TRY(readlink("/in/text", to, sizeof to));
	TRY(readlink("/in/nothing", to, sizeof to));
	TRY(readlink("/in/link/", to, sizeof to));
	TRY(syscall(SYS_readlink, "/in/link", to, 0));
	TRY(syscall(SYS_readlink, "/in/link", to, -1));
	TRY(readlinkat(AT_FDCWD, "/in/link", to, sizeof to));
	TRY(readlinkat(77, "link", to, sizeof to));
	int fd = open("/in/link", O_PATH | O_NOFOLLOW);
	TRY(readlinkat(fd, "", to, sizeof to));
	close(fd);
	describe("/in/link");
	describe("/in/tofolder");
	describe("/in/tofolder/");
	TRY(access("/in/outside", R_OK));
	TRY(symlink("/in/text", "/tmp/symbolic"));
	TRY(symlinkat("/in/text", AT_FDCWD, "/out/symbolic"));
	unlink("/tmp/symbolic");
	unlink("/out/symbolic");
	put("/tmp/first", "first");
	TRY(link("/tmp/first", "/tmp/second"));
	TRY(linkat(AT_FDCWD, "/tmp/first", AT_FDCWD, "/tmp/third", 0));
	unlink("/tmp/second");
	unlink("/tmp/third");
	TRY(mknod("/tmp/fifo", S_IFIFO | 0600, 0));
	TRY(mknod("/tmp/device", S_IFCHR | 0600, 0x103));
	TRY(mknodat(AT_FDCWD, "/tmp/regular", S_IFREG | 0600, 0));
	unlink("/tmp/fifo");
	unlink("/tmp/device");
	unlink("/tmp/regular");
}

static void where(void)
{
	char path[256];
	if (getcwd(path, sizeof path))
		say("in %s", path);
	else
		say("getcwd: %s", errno_name(errno));
}

static void test_cwd(void)
{
	say("# chdir, getcwd");
	where();
	TRY(chdir("/in/folder"));
	where();
	show("inner");
	show("deep/leaf");
	show("../text");
	show("up");
	TRY(chdir("deep"));
	where();
	TRY(chdir("../../.."));
	where();
	TRY(chdir(".."));
	where();
	TRY(chdir("in/tofolder"));
	where();
	TRY(chdir("/in/text"));
	TRY(chdir("/in/nothing"));
	TRY(chdir(""));
	TRY(chdir("/in/loop"));
	where();
	int fd = open("/tmp", O_RDONLY), file = open("/in/text", O_RDONLY);
	TRY(fchdir(fd));
	where();
	TRY(fchdir(file));
	TRY(fchdir(77));
	put("here", "written here");
	show("/tmp/here");
	char small[8];
	TRY(syscall(SYS_getcwd, small, sizeof small));
	TRY(syscall(SYS_getcwd, small, 4));
	TRY(syscall(SYS_getcwd, small, 0));
	TRY(syscall(SYS_getcwd, 8, 100));
	must(mkdir("/tmp/was", 0755) == 0 && chdir("/tmp/was") == 0);
	TRY(rename("/tmp/was", "/tmp/is"));
	where();
	TRY(rmdir("/tmp/is"));
	TRY(syscall(SYS_getcwd, small, sizeof small));
	TRY(open("x", O_CREAT | O_WRONLY, 0600));
	TRY(open(".", O_RDONLY) > 0);
	TRY(chdir("/"));
	close(fd);
	close(file);
}

int main(void)
{
	test_folders();
	test_unlink();
	test_rename();
	test_listing();
	test_links();
	test_cwd();
	return 0;
}
