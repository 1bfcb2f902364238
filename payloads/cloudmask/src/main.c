/* cloudmask: for each Sentinel-2 frame in a folder the cloud probability, the
 * cloud mask and a STAC item. ../README.md says what goes in and what comes out. */
#include "cloudmask.h"

#include <dirent.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

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
    char path[PRODUCTS][PATH_LEN], part[PRODUCTS][PATH_LEN];
    FILE *file[PRODUCTS];
};

static struct products *half_written; /* what die removes */

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
    for (int i = 0; half_written && i < PRODUCTS; i++)
        if (half_written->file[i])
            remove(half_written->part[i]);
    exit(status);
}

void *need(size_t count, size_t size, const char *what) {
    void *p = calloc(count, size);
    if (!p)
        die(BAD_INPUT, "%s: needs %zu bytes, more memory than there is", what, count * size);
    return p;
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
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Adds the frame that a file belongs to; our own products are not frames. */
static void add_name(char ***names, size_t *count, const char *folder, const char *file) {
    if ((!ends(file, ".hdr") && !ends(file, ".img")) || ends(file, ".clp.hdr") || ends(file, ".clp.img") ||
        ends(file, ".mask.hdr") || ends(file, ".mask.img"))
        return;
    size_t n = strlen(file) - 4;
    if (n > NAME_MAX_LEN)
        die(BAD_INPUT, "%s/%s: name is too long", folder, file);
    if (!(*count & (*count - 1))) {
        *names = realloc(*names, (*count ? 2 * *count : 1) * sizeof **names);
        if (!*names)
            die(BAD_INPUT, "%s: too many frames", folder);
    }
    char *name = need(n + 1, 1, folder);
    memcpy(name, file, n);
    (*names)[(*count)++] = name;
}

/* The names of the frames in a folder, sorted, each once. */
static char **list_frames(const char *folder, size_t *count) {
    DIR *d = opendir(folder);
    if (!d)
        die(BAD_INPUT, "%s: cannot read the input folder", folder);
    char **names = NULL;
    size_t found = 0;
    for (struct dirent *e; (e = readdir(d));)
        add_name(&names, &found, folder, e->d_name);
    closedir(d);
    if (!found)
        die(BAD_INPUT, "%s: no frame (NAME.hdr with NAME.img) in the input folder", folder);
    qsort(names, found, sizeof *names, by_name);
    *count = 0;
    for (size_t i = 0; i < found; i++)
        if (!*count || strcmp(names[*count - 1], names[i]))
            names[(*count)++] = names[i];
    return names;
}

static void open_products(struct products *p, const char *folder, const char *name) {
    memset(p, 0, sizeof *p);
    half_written = p;
    for (int i = 0; i < PRODUCTS; i++) {
        snprintf(p->path[i], PATH_LEN, "%s/%s%s", folder, name, suffix[i]);
        snprintf(p->part[i], PATH_LEN, "%s/%s%s.part", folder, name, suffix[i]);
        p->file[i] = fopen(p->part[i], "wb+");
        if (!p->file[i])
            die(FAILED, "%s: cannot create", p->part[i]);
    }
}

/* Every byte must have arrived before any product gets its name. */
static void finish_products(struct products *p) {
    for (int i = 0; i < PRODUCTS; i++) {
        int bad = ferror(p->file[i]);
        if (fclose(p->file[i]) || bad)
            die(FAILED, "%s: cannot write, is the disk full?", p->part[i]);
    }
    for (int i = 0; i < PRODUCTS; i++)
        if (rename(p->part[i], p->path[i]))
            die(FAILED, "%s: cannot rename", p->part[i]);
    half_written = NULL;
}

static void predict(const struct model *m, struct frame *f, FILE *out) {
    int64_t strip = frame_strip(f);
    size_t pixels = (size_t)(strip * f->samples);
    uint16_t *planes = need(pixels * FEATURES, sizeof *planes, f->path), *plane[FEATURES];
    float *probability = need(pixels, sizeof *probability, f->path);
    for (int b = 0; b < FEATURES; b++)
        plane[b] = planes + (size_t)b * pixels;
    for (int64_t y = 0; y < f->lines; y += strip) {
        int64_t count = f->lines - y < strip ? f->lines - y : strip;
        frame_read(f, y, count, plane);
        forest_predict(m, plane, (size_t)(count * f->samples), probability);
        fwrite(probability, sizeof *probability, (size_t)(count * f->samples), out);
    }
    free(planes);
    free(probability);
}

static void process(const struct model *m, const struct options *o, const char *name) {
    struct frame f;
    struct products p;
    frame_open(&f, o->in, name);
    open_products(&p, o->out, name);
    predict(m, &f, p.file[CLP]);
    if (fflush(p.file[CLP]))
        die(FAILED, "%s: cannot write, is the disk full?", p.part[CLP]);
    int64_t cloudy = mask_write(p.file[CLP], p.file[MASK], f.samples, f.lines, &o->mask);
    struct verdict v = {100.0 * (double)cloudy / (double)(f.samples * f.lines), o->max_cloud, &o->mask};
    product_header(p.file[CLP_HEADER], &f, "cloud probability, 0 to 1", "4", "CLP");
    product_header(p.file[MASK_HEADER], &f, "cloud mask, 1 cloud, 0 clear", "1", "MASK");
    stac_write(p.file[ITEM], &f, &v);
    finish_products(&p);
    frame_close(&f);
    printf("%s: %.2f %% cloud, %s\n", name, v.cloud_cover, v.cloud_cover <= v.max_cloud ? "keep" : "drop");
}

int main(int argc, char **argv) {
    struct options o = parse(argc, argv);
    size_t count;
    char **names = list_frames(o.in, &count);
    for (size_t i = 0; i < count; i++) { /* all input is checked before anything is written */
        struct frame f;
        frame_open(&f, o.in, names[i]);
        frame_close(&f);
    }
    char path[PATH_LEN];
    snprintf(path, sizeof path, "%s/cloudmask.model", o.app);
    struct model m = {0};
    model_load(&m, path);
    for (size_t i = 0; i < count; i++)
        process(&m, &o, names[i]);
    if (fflush(stdout) || ferror(stdout))
        die(FAILED, "cannot write to standard output");
    return OK;
}
