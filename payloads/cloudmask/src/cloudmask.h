/* cloudmask: cloud probability and cloud mask of Sentinel-2 Level-1C frames. */
#ifndef CLOUDMASK_H
#define CLOUDMASK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    FEATURES = 10,      /* bands that the model looks at */
    NAME_MAX_LEN = 200, /* bytes of a frame's name, so that every path fits */
    PATH_LEN = 1024,
    RADIUS_MAX = 64,   /* of the disks of the mask, pixels */
    MAX_SIDE = 1 << 20 /* samples or lines of a frame */
};

/* Exit status. */
enum { OK = 0, FAILED = 1, BAD_INPUT = 2 };

/* Says one line on standard error, removes what is half-written, exits. */
_Noreturn void die(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The memory, or the end of the run with a sentence that names what it was for. */
void *need(size_t count, size_t size, const char *what);

/* --- envi.c: frames and products in ENVI format --- */

enum interleave { BSQ, BIL, BIP };

struct frame {
    char name[NAME_MAX_LEN + 1];
    char path[PATH_LEN]; /* of the .img */
    FILE *file;
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

extern const char *const model_bands[FEATURES];

/* Reads NAME.hdr and checks it against NAME.img, or dies. */
void frame_open(struct frame *f, const char *folder, const char *name);

/* The most lines that frame_read should be asked for at once. */
int64_t frame_strip(const struct frame *f);

/* Reads lines [first, first+count) into one plane of DN per model band. */
void frame_read(struct frame *f, int64_t first, int64_t count, uint16_t *plane[FEATURES]);

void frame_close(struct frame *f);

/* Writes the header of a product of f: type is "4" (float32) or "1" (uint8). */
void product_header(FILE *out, const struct frame *f, const char *description, const char *type, const char *band);

/* --- model.c: the model file --- */

struct node {
    uint8_t feature; /* LEAF for a leaf */
    uint8_t bin;     /* left if the pixel's bin of that feature is <= this */
    uint16_t right;  /* where the right child is, counted from this node; the left is next */
};

enum { LEAF = 255, BINS = 255 };

struct model {
    uint32_t trees, leaves;
    uint32_t *root;            /* first node of each tree, trees + 1 of them */
    struct node *node;         /* all trees in preorder */
    double *leaf;              /* all leaves, in the nodes' order */
    uint32_t limit[FEATURES];  /* a DN above the last threshold */
    uint8_t *bin_of[FEATURES]; /* number of thresholds below DN, for DN <= limit */
};

void model_load(struct model *m, const char *path);

/* --- forest.c: from DN to probability --- */

/* Writes the probability of count pixels. */
void forest_predict(const struct model *m, uint16_t *const plane[FEATURES], size_t count, float *probability);

/* --- mask.c: from probability to mask --- */

struct mask_options {
    double threshold;
    int average, dilate; /* radii, 0 for none */
};

/* Reads the probability map, writes the mask, returns the number of cloudy pixels. */
int64_t mask_write(FILE *probability, FILE *mask, int64_t samples, int64_t lines, const struct mask_options *o);

/* --- stac.c: the item --- */

struct verdict {
    double cloud_cover, max_cloud; /* percent */
    const struct mask_options *mask;
};

void stac_write(FILE *out, const struct frame *f, const struct verdict *v);

#endif
