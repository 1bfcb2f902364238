/* Memory and files. */
#include "cloudmask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a run works in comes from one block: where memory of 4 MiB and more is backed by huge pages, two of
 * them stand for what a small frame touches, and not some hundreds of small ones. */
static void *from_block(size_t bytes) {
    enum { BLOCK = 3 * HUGE_PAGE - ALLOCATOR, LINE = 64 };
    static uint8_t *block;
    static size_t used;
    if (bytes > BLOCK - used - LINE || !(block || (block = calloc(BLOCK, 1))))
        return NULL;
    void *p = block + used;
    used += (bytes + LINE - 1) & ~(size_t)(LINE - 1);
    return p;
}

void *need(size_t count, size_t size, const char *what) {
    void *p = count > SIZE_MAX / size ? NULL : from_block(count * size);
    if (!p && !(p = calloc(count, size)))
        die(BAD_INPUT, "%s: needs %zu bytes, more memory than there is", what, count * size);
    return p;
}

size_t huge_pages(size_t bytes) {
    return bytes < 2 * HUGE_PAGE ? bytes : (bytes + ALLOCATOR + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE - ALLOCATOR;
}

int open_input(const char *path, const char *what, int64_t *size) {
    struct stat status;
    int file = open(path, O_RDONLY | O_NONBLOCK); /* a pipe must not hold us up before it is refused */
    if (file < 0)
        die(BAD_INPUT, "%s: cannot open the %s: %s", path, what, errno == ENOENT ? "it is missing" : strerror(errno));
    if (fstat(file, &status) || !S_ISREG(status.st_mode))
        die(BAD_INPUT, "%s: the %s is not a regular file", path, what);
    *size = status.st_size;
    return file;
}

int read_at(int file, int64_t at, void *to, int64_t count) {
    for (uint8_t *next = to; count;) {
        ssize_t n = pread(file, next, (size_t)count, at);
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return 0;
        if (n > 0) {
            next += n;
            at += n;
            count -= n;
        }
    }
    return 1;
}

int write_all(int file, const void *from, size_t count) {
    for (const uint8_t *next = from; count;) {
        ssize_t n = write(file, next, count);
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return 0;
        if (n > 0) {
            next += n;
            count -= (size_t)n;
        }
    }
    return 1;
}

void put(struct text *t, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(t->data + t->length, sizeof t->data - t->length, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= sizeof t->data - t->length)
        die(FAILED, "a product's text is longer than %zu bytes", sizeof t->data);
    t->length += (size_t)n;
}
