/* cloudmask: for each Sentinel-2 frame in a folder the cloud probability, the
 * cloud mask and a STAC item. ../README.md says what goes in and what comes out. */
#include "cloudmask.h"

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: cloudmask [options]\n"
    "For each ENVI frame NAME.hdr + NAME.img in the input folder writes the cloud\n"
    "probability NAME.clp.img, the cloud mask NAME.mask.img and a STAC item NAME.json.\n"
    "  --in DIR          frames: uint16, 10000 x reflectance (default /in)\n"
    "  --out DIR         products (default /out)\n"
    "  --app DIR         where cloudmask.model is (default /app)\n"
    "  --threshold P     cloudy above this mean probability, 0 to 1 (default 0.4)\n"
    "  --average R       radius of the disk of the mean, 0 to 64 pixels (default 4)\n"
    "  --dilate R        radius of the disk of the dilation, 0 to 64 pixels (default 2)\n"
    "  --max-cloud PCT   keep a frame with at most this cloud cover, else drop (default 50)\n"
    "Exit status: 0 done, 1 a product could not be written, 2 bad input or wrong use.\n";

struct options {
    const char *in, *out, *app;
    struct mask_options mask;
    double max_cloud;
};

/* The products of one frame: written as .part, renamed when all are whole. */
enum product { CLP, CLP_HEADER, MASK, MASK_HEADER, ITEM, PRODUCTS };
static const char *const suffix[PRODUCTS] = {".clp.img", ".clp.hdr", ".mask.img", ".mask.hdr", ".json"};

struct products {
    const char *folder, *name;
    int count; /* that are created */
    int file[PRODUCTS];
};

static struct products half_written; /* what die removes */

static const char *product_path(char path[PATH_LEN], const struct products *p, int i, const char *tail) {
    snprintf(path, PATH_LEN, "%s/%s%s%s", p->folder, p->name, suffix[i], tail);
    return path;
}

void die(int status, const char *format, ...) {
    char line[2 * PATH_LEN];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127)
            *c = '?';
    fprintf(stderr, "cloudmask: %s\n", line);
    for (int i = 0; i < half_written.count; i++)
        unlink(product_path(line, &half_written, i, ".part"));
    exit(status);
}

static double number(const char *name, const char *text, double low, double high) {
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !(v >= low && v <= high))
        die(BAD_INPUT, "--%s %s: must be a number from %g to %g", name, text, low, high);
    return v;
}

static int radius(const char *name, const char *text) {
    double v = number(name, text, 0, RADIUS_MAX);
    if (v != (int)v)
        die(BAD_INPUT, "--%s %s: must be a whole number", name, text);
    return (int)v;
}

static struct options parse(int argc, char **argv) {
    static const struct option known[] = {
        {"in", 1, 0, 'i'},        {"out", 1, 0, 'o'},    {"app", 1, 0, 'a'},       {"threshold", 1, 0, 't'},
        {"average", 1, 0, 'v'},   {"dilate", 1, 0, 'd'}, {"max-cloud", 1, 0, 'm'}, {"help", 0, 0, 'h'},
        {0, 0, 0, 0},
    };
    struct options o = {"/in", "/out", "/app", {0.4, 4, 2}, 50};
    opterr = 0;
    for (int c, at = 0; (c = getopt_long(argc, argv, "", known, &at)) != -1;) {
        switch (c) {
        case 'i': o.in = optarg; break;
        case 'o': o.out = optarg; break;
        case 'a': o.app = optarg; break;
        case 't': o.mask.threshold = number("threshold", optarg, 0, 1); break;
        case 'v': o.mask.average = radius("average", optarg); break;
        case 'd': o.mask.dilate = radius("dilate", optarg); break;
        case 'm': o.max_cloud = number("max-cloud", optarg, 0, 100); break;
        case 'h': fputs(usage, stdout); exit(OK);
        default: die(BAD_INPUT, "%s: wrong option, see --help", argv[optind - 1]);
        }
    }
    if (optind < argc)
        die(BAD_INPUT, "%s: not an option, see --help", argv[optind]);
    const char *const folders[] = {o.in, o.out, o.app};
    for (int i = 0; i < 3; i++)
        if (strlen(folders[i]) > PATH_LEN - NAME_MAX_LEN - 32)
            die(BAD_INPUT, "%.60s...: path is too long", folders[i]);
    return o;
}

static int ends(const char *name, const char *tail) {
    size_t n = strlen(name), t = strlen(tail);
    return n > t && !strcmp(name + n - t, tail);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct frame *)a)->name, ((const struct frame *)b)->name);
}

/* The frames of a run, sorted by name. */
struct frames {
    struct frame *frame;
    size_t count, room;
};

/* Adds the frame that a file belongs to; our own products are not frames. */
static void add_frame(struct frames *list, const char *folder, const char *file) {
    if ((!ends(file, ".hdr") && !ends(file, ".img")) || ends(file, ".clp.hdr") || ends(file, ".clp.img") ||
        ends(file, ".mask.hdr") || ends(file, ".mask.img"))
        return;
    size_t n = strlen(file) - 4;
    if (n > NAME_MAX_LEN)
        die(BAD_INPUT, "%s/%s: name is too long", folder, file);
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 8;
        list->frame = realloc(list->frame, list->room * sizeof *list->frame);
        if (!list->frame)
            die(BAD_INPUT, "%s: too many frames", folder);
    }
    struct frame *f = &list->frame[list->count++];
    *f = (struct frame){.file = -1};
    memcpy(f->name, file, n);
}

/* The frames in a folder, each once. */
static struct frames list_frames(const char *folder) {
    DIR *d = opendir(folder);
    if (!d)
        die(BAD_INPUT, "%s: cannot read the input folder", folder);
    struct frames list = {0};
    for (struct dirent *e; (e = readdir(d));)
        add_frame(&list, folder, e->d_name);
    closedir(d);
    if (!list.count)
        die(BAD_INPUT, "%s: no frame (NAME.hdr with NAME.img) in the input folder", folder);
    qsort(list.frame, list.count, sizeof *list.frame, by_name);
    size_t found = list.count;
    list.count = 1;
    for (size_t i = 1; i < found; i++)
        if (by_name(&list.frame[list.count - 1], &list.frame[i]))
            list.frame[list.count++] = list.frame[i];
    return list;
}

/* Reads all headers, so that all input is checked before anything is written. */
static void check_frames(const struct frames *list, const char *folder) {
    enum { OPEN = 4 }; /* data files that stay open until their turn; a process may have few */
    for (size_t i = 0; i < list->count; i++) {
        frame_open(&list->frame[i], folder);
        if (i >= OPEN)
            frame_close(&list->frame[i]);
    }
}

static void create_products(const char *folder, const char *name) {
    struct products *p = &half_written;
    char path[PATH_LEN];
    *p = (struct products){.folder = folder, .name = name};
    for (; p->count < PRODUCTS; p->count++) {
        int file = open(product_path(path, p, p->count, ".part"), O_RDWR | O_CREAT | O_TRUNC, 0666);
        if (file < 0)
            die(FAILED, "%s: cannot create", path);
        p->file[p->count] = file;
    }
}

static void write_product(int i, const void *from, size_t count) {
    char path[PATH_LEN];
    if (!write_all(half_written.file[i], from, count))
        die(FAILED, "%s: cannot write, is the disk full?", product_path(path, &half_written, i, ""));
}

/* Every byte must have arrived before any product gets its name. */
static void finish_products(void) {
    char part[PATH_LEN], path[PATH_LEN];
    struct products *p = &half_written;
    for (int i = 0; i < PRODUCTS; i++)
        if (close(p->file[i]))
            die(FAILED, "%s: cannot write, is the disk full?", product_path(path, p, i, ""));
    for (int i = 0; i < PRODUCTS; i++)
        if (rename(product_path(part, p, i, ".part"), product_path(path, p, i, "")))
            die(FAILED, "%s: cannot rename", part);
    p->count = 0;
}

/* Writes the probability map; keeps it in whole where there is room for that. */
static void predict(const struct model *m, const struct frame *f, struct strip *s, int64_t lines, float *map, int whole) {
    for (int64_t y = 0; y < f->lines; y += lines) {
        int64_t count = f->lines - y < lines ? f->lines - y : lines;
        float *to = whole ? map + y * f->samples : map;
        frame_read(f, y, count, s);
        forest_predict(m, s, count * f->samples, to);
        write_product(CLP, to, sizeof *to * (size_t)(count * f->samples));
    }
}

/* Memory for a frame's work: the last frame's if that is enough. */
static void *room(size_t bytes, const char *name) {
    static void *memory;
    static size_t size;
    if (bytes > size) {
        free(memory);
        memory = need(bytes, 1, name);
        size = bytes;
    }
    return memory;
}

/* Writes the map and the mask, returns the number of cloudy pixels. */
static int64_t rasters(const struct model *m, const struct frame *f, const struct mask_options *o) {
    size_t raw;
    int64_t lines = frame_strip(f, &raw), pixels = f->samples * f->lines;
    struct map map = {f->samples, f->lines, pixels <= MAP_PIXELS, NULL, half_written.file[CLP]};
    if (!map.whole)
        pixels = f->samples * lines;
    size_t map_bytes = ((size_t)pixels * sizeof(float) + 63) & ~(size_t)63, work = mask_work(&map, o);
    uint8_t *memory = room(huge_pages(map_bytes + (raw > work ? raw : work)), f->name);
    struct strip s = {.raw = memory + map_bytes}; /* later the mask's */
    predict(m, f, &s, lines, (float *)memory, map.whole);
    map.memory = (float *)memory;
    return mask_write(&map, half_written.file[MASK], o, s.raw);
}

static int in_one_batch(const struct frame *f) {
    size_t bytes;
    return f->samples * f->lines <= BATCH && frame_strip(f, &bytes) == f->lines;
}

static void write_text(int product, struct text *t) {
    write_product(product, t->data, t->length);
    t->length = 0;
}

static void process(const struct model *m, const struct options *o, struct frame *f) {
    static struct text t;
    frame_reopen(f, o->in);
    create_products(o->out, f->name);
    int64_t cloudy = rasters(m, f, &o->mask);
    frame_close(f);
    struct verdict v = {100.0 * (double)cloudy / (double)(f->samples * f->lines), o->max_cloud, &o->mask};
    product_header(&t, f, "cloud probability, 0 to 1", "4", "CLP");
    write_text(CLP_HEADER, &t);
    product_header(&t, f, "cloud mask, 1 cloud, 0 clear", "1", "MASK");
    write_text(MASK_HEADER, &t);
    stac_item(&t, f, &v);
    write_text(ITEM, &t);
    finish_products();
    put(&t, "%s: %.2f %% cloud, %s\n", f->name, v.cloud_cover, v.cloud_cover <= v.max_cloud ? "keep" : "drop");
    if (!write_all(STDOUT_FILENO, t.data, t.length))
        die(FAILED, "cannot write to standard output");
    t.length = 0;
}

int main(int argc, char **argv) {
    struct options o = parse(argc, argv);
    struct frames list = list_frames(o.in);
    check_frames(&list, o.in);
    char path[PATH_LEN];
    snprintf(path, sizeof path, "%s/cloudmask.model", o.app);
    struct model m = {0};
    model_load(&m, path, list.count > 1 || !in_one_batch(list.frame));
    for (size_t i = 0; i < list.count; i++)
        process(&m, &o, &list.frame[i]);
    return OK;
}
