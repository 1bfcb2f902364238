/* cloudmask: cloud probability and cloud mask of Sentinel-2 Level-1C frames. */
#ifndef CLOUDMASK_H
#define CLOUDMASK_H

#include <stddef.h>
#include <stdint.h>

enum {
    FEATURES = 10,      /* bands that the model looks at */
    NAME_MAX_LEN = 200, /* bytes of a frame's name, so that every path fits */
    PATH_LEN = 1024,
    HUGE_PAGE = 2 << 20,
    ALLOCATOR = 4096, /* more than malloc's own part of a large block */
    RADIUS_MAX = 64,   /* of the disks of the mask, pixels */
    MAX_SIDE = 1 << 20 /* samples or lines of a frame */
};

/* Exit status. */
enum { OK = 0, FAILED = 1, BAD_INPUT = 2 };

/* Says one line on standard error, removes what is half-written, exits. */
_Noreturn void die(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- io.c: memory and files, in few and large pieces, as each call into the system costs --- */

/* The memory, all zero, or the end of the run with a sentence that names what it was for. */
void *need(size_t count, size_t size, const char *what);

/* What to ask for instead of many bytes, so that huge pages can back all of it: the small pages of a rest would
 * be filled in a few at a time, and each time costs a cell as much as a call. */
size_t huge_pages(size_t bytes);

/* Opens an input file or dies; what names its kind in the sentence. */
int open_input(const char *path, const char *what, int64_t *size);

/* Reads just count bytes; 0 where that fails. */
int read_at(int file, int64_t at, void *to, int64_t count);

/* Writes all the bytes; 0 where that fails. */
int write_all(int file, const void *from, size_t count);

/* A small text, written when it is whole. */
struct text {
    size_t length;
    char data[16384]; /* five file names of NAME_MAX_LEN bytes, each six bytes long, and the rest */
};

void put(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- envi.c: frames and products in ENVI format --- */

enum interleave { BSQ, BIL, BIP };

struct frame {
    char name[NAME_MAX_LEN + 1];
    int file; /* the .img, -1 while it is closed */
    int64_t samples, lines, bands, offset;
    enum interleave interleave;
    int big_endian;
    int band[FEATURES];    /* where each of the model's bands is */
    char acquired[32];     /* RFC 3339, or empty */
    int zone, south;       /* UTM zone 1 to 60, 0 for a frame without a place */
    double east, north;    /* outer corner of the first pixel, metres */
    double step_x, step_y; /* metres per pixel */
    char map_info[256];    /* as the header has it, or empty */
};

/* Some lines of a frame, as they lie in the file. */
struct strip {
    uint8_t *raw;
    int64_t samples;
    int64_t sample_step, line_step, band[FEATURES]; /* bytes; where each of the model's bands begins */
    int high;                                       /* which byte of a value is the high one */
};

extern const char *const model_bands[FEATURES];

/* Reads NAME.hdr of the frame whose name is set, opens NAME.img and checks one against the other, or dies. */
void frame_open(struct frame *f, const char *folder);

/* Opens NAME.img again if it is closed. */
void frame_reopen(struct frame *f, const char *folder);

void frame_close(struct frame *f);

/* The most lines that frame_read should be asked for at once, and the bytes of a strip's raw for them. */
int64_t frame_strip(const struct frame *f, size_t *bytes);

/* Reads lines [first, first+count). */
void frame_read(const struct frame *f, int64_t first, int64_t count, struct strip *s);

/* Copies the DN of count pixels from the given one on, of the model's band i. */
void strip_values(const struct strip *s, int i, int64_t first, int count, uint16_t *to);

/* Puts the header of a product of f: type is "4" (float32) or "1" (uint8). */
void product_header(struct text *out, const struct frame *f, const char *description, const char *type,
                    const char *band);

/* --- model.c: the model file --- */

struct node {
    uint8_t feature; /* LEAF for a leaf */
    uint8_t bin;     /* left if the pixel's bin of that feature is <= this */
    uint16_t right;  /* where the right child is, counted from this node; the left is next */
};

enum { LEAF = 255, BINS = 255 };

struct tree {
    const struct node *node; /* in preorder */
    const double *leaf;      /* in the nodes' order */
};

struct model {
    uint32_t trees, leaves;
    int keep;          /* the trees that are decoded, else one tree's memory serves for all */
    uint32_t *root;    /* where each tree that is kept begins among the nodes */
    struct node *node;
    double *leaf;
    uint32_t limit[FEATURES];  /* a DN above the last threshold */
    uint8_t *bin_of[FEATURES]; /* number of thresholds below DN, for DN <= limit */
    struct decoder *decoder;
};

/* Reads and checks the file. Trees are decoded when they are asked for; keep says whether they
 * will be asked for again. */
void model_load(struct model *m, const char *path, int keep);

/* The given tree. The first time the trees are asked for in order. */
struct tree model_tree(const struct model *m, uint32_t number);

/* --- forest.c: from DN to probability --- */

enum { BATCH = 1 << 14 }; /* pixels that go down the trees together */

/* Writes the probability of the first count pixels of the strip. */
void forest_predict(const struct model *m, const struct strip *s, int64_t count, float *probability);

/* --- mask.c: from probability to mask --- */

struct mask_options {
    double threshold;
    int average, dilate; /* radii, 0 for none */
};

enum { MAP_PIXELS = 1 << 20 }; /* a probability map up to this is kept in memory */

/* The probability map of a frame: whole in memory, or to be read from its file again. */
struct map {
    int64_t samples, lines;
    int whole;
    const float *memory;
    int file;
};

/* The bytes of memory that mask_write works in. */
size_t mask_work(const struct map *map, const struct mask_options *o);

/* Writes the mask, returns the number of cloudy pixels. */
int64_t mask_write(const struct map *map, int file, const struct mask_options *o, void *work);

/* --- stac.c: the item --- */

struct verdict {
    double cloud_cover, max_cloud; /* percent */
    const struct mask_options *mask;
};

void stac_item(struct text *out, const struct frame *f, const struct verdict *v);

#endif
