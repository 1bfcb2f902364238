/* From probability to mask, with the arithmetic of s2cloudless on OpenCV.
 *
 * The mean over the disk is a float32 sum of products with float32(1/n), taken
 * row by row from the top; beyond the border the pixels are mirrored with the
 * edge pixel repeated. OpenCV's vector code (AVX2 with FMA) fuses the product
 * and the sum for each full group of 8 pixels of a line and rounds twice for
 * the rest of the line, and so does this.
 */
#include "cloudmask.h"

#include <math.h>
#include <string.h>

enum { GROUP = 8 };

struct stage {
    const struct mask_options *o;
    int64_t samples, lines;
    int64_t first, last; /* lines that are in memory */
    const float *map;    /* those lines of the probability map */
    float *read;         /* where they are read to if the map is in a file */
    uint8_t *cloudy;     /* those lines, compared with the threshold */
    int64_t *column;     /* column[x + radius]: where column x is after mirroring */
    int half[2 * RADIUS_MAX + 1]; /* half the width of the mean's disk in each of its lines */
};

/* Half the width of the disk, dy lines from its centre. */
static int half_width(int radius, int dy) {
    int x = 0;
    while ((x + 1) * (x + 1) + dy * dy <= radius * radius)
        x++;
    return x;
}

static int64_t mirror(int64_t i, int64_t n) {
    while (i < 0 || i >= n)
        i = i < 0 ? -1 - i : 2 * n - 1 - i;
    return i;
}

static int disk_size(int radius) {
    int n = 0;
    for (int dy = -radius; dy <= radius; dy++)
        n += 2 * half_width(radius, dy) + 1;
    return n;
}

/* a * b + c rounded once. The sum in double is nearly always enough: rounding it to
 * float again goes wrong only from just halfway between two floats. */
static float fused(float a, float b, float c) {
    double sum = (double)a * b + c;
    uint64_t u;
    memcpy(&u, &sum, sizeof u);
    return (u & 0x1fffffff) == 0x10000000 ? fmaf(a, b, c) : (float)sum;
}

static float mean(const struct stage *s, int64_t x, int64_t y, float weight) {
    int r = s->o->average;
    int fuse = x < s->samples - s->samples % GROUP;
    float sum = 0;
    for (int dy = -r; dy <= r; dy++) {
        const float *line = s->map + (mirror(y + dy, s->lines) - s->first) * s->samples;
        int half = s->half[dy + r];
        for (int dx = -half; dx <= half; dx++) {
            float v = line[s->column[x + dx + r]];
            sum = fuse ? fused(v, weight, sum) : sum + v * weight;
        }
    }
    return sum;
}

static void compare_line(struct stage *s, int64_t y) {
    float threshold = (float)s->o->threshold;
    float weight = (float)(1.0 / disk_size(s->o->average));
    uint8_t *to = s->cloudy + (y - s->first) * s->samples;
    for (int64_t x = 0; x < s->samples; x++)
        to[x] = mean(s, x, y, weight) > threshold;
}

/* Pixels beyond the border count as clear. */
static void dilate_line(const struct stage *s, int64_t y, uint8_t *to) {
    int r = s->o->dilate;
    memset(to, 0, (size_t)s->samples);
    for (int dy = -r; dy <= r; dy++) {
        if (y + dy < 0 || y + dy >= s->lines)
            continue;
        const uint8_t *from = s->cloudy + (y + dy - s->first) * s->samples;
        int64_t half = half_width(r, dy);
        for (int64_t dx = -half; dx <= half; dx++) {
            int64_t begin = dx < 0 ? -dx : 0, end = dx > 0 ? s->samples - dx : s->samples;
            for (int64_t x = begin; x < end; x++)
                to[x] |= from[x + dx];
        }
    }
}

static int64_t clamp(int64_t i, int64_t n) {
    return i < 0 ? 0 : i > n ? n : i;
}

static void find_lines(struct stage *s, const struct map *map) {
    int64_t first = s->first * s->samples, pixels = (s->last - s->first) * s->samples;
    s->map = map->whole ? map->memory + first : s->read;
    if (!map->whole && !read_at(map->file, first * 4, s->read, pixels * 4))
        die(FAILED, "cannot read the probability map again");
}

/* Lines [y0, y1) of the mask. */
static int64_t strip(struct stage *s, const struct map *map, int64_t y0, int64_t y1, uint8_t *mask) {
    int d = s->o->dilate, reach = s->o->average + d;
    s->first = clamp(y0 - reach, s->lines);
    s->last = clamp(y1 + reach, s->lines);
    find_lines(s, map);
    for (int64_t y = clamp(y0 - d, s->lines); y < clamp(y1 + d, s->lines); y++)
        compare_line(s, y);
    int64_t cloudy = 0;
    for (int64_t y = y0; y < y1; y++, mask += s->samples) {
        dilate_line(s, y, mask);
        for (int64_t x = 0; x < s->samples; x++)
            cloudy += mask[x];
    }
    return cloudy;
}

/* The most lines of the mask that are made at once. */
static int64_t strip_lines(const struct map *map, const struct mask_options *o) {
    int64_t reach = o->average + o->dilate, step = MAP_PIXELS / map->samples;
    step = step > reach ? step : reach + 1;
    return step < map->lines ? step : map->lines;
}

/* Lays out the memory of a stage from work on; returns its size. */
static size_t lay_out(struct stage *s, const struct map *map, uint8_t *work, uint8_t **mask) {
    int64_t step = strip_lines(map, s->o), most = step + 2 * (s->o->average + s->o->dilate);
    size_t columns = (size_t)(s->samples + 2 * s->o->average) * sizeof *s->column;
    size_t pixels = (size_t)((most < s->lines ? most : s->lines) * s->samples);
    size_t map_bytes = map->whole ? 0 : pixels * sizeof *s->read;
    if (work) {
        s->column = (int64_t *)work;
        s->read = (float *)(work + columns);
        s->cloudy = work + columns + map_bytes;
        *mask = s->cloudy + pixels;
    }
    return columns + map_bytes + pixels + (size_t)(step * s->samples);
}

size_t mask_work(const struct map *map, const struct mask_options *o) {
    struct stage s = {.o = o, .samples = map->samples, .lines = map->lines};
    return lay_out(&s, map, NULL, NULL);
}

int64_t mask_write(const struct map *map, int file, const struct mask_options *o, void *work) {
    struct stage s = {.o = o, .samples = map->samples, .lines = map->lines};
    uint8_t *mask = NULL;
    lay_out(&s, map, work, &mask);
    for (int dy = -o->average; dy <= o->average; dy++)
        s.half[dy + o->average] = half_width(o->average, dy);
    for (int64_t i = 0; i < s.samples + 2 * o->average; i++)
        s.column[i] = mirror(i - o->average, s.samples);
    int64_t cloudy = 0, step = strip_lines(map, o);
    for (int64_t y = 0; y < s.lines; y += step) {
        int64_t end = y + step < s.lines ? y + step : s.lines;
        cloudy += strip(&s, map, y, end, mask);
        if (!write_all(file, mask, (size_t)((end - y) * s.samples)))
            die(FAILED, "cannot write the mask, is the disk full?");
    }
    return cloudy;
}
