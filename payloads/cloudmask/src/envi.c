/* Frames and products in ENVI format: a text header NAME.hdr beside raw data NAME.img. */
#include "cloudmask.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const model_bands[FEATURES] = {"B01", "B02", "B04", "B05", "B08", "B8A", "B09", "B10", "B11", "B12"};

enum { HEADER_LIMIT = 1 << 18, STRIP_BYTES = 6 << 20, MAX_BANDS = 1 << 12 };

/* A header's text, and the value that was last looked for. */
struct header {
    const char *path;
    char text[HEADER_LIMIT + 1], value[HEADER_LIMIT + 1];
};

static char *trim(char *s) {
    while (isspace((unsigned char)*s))
        s++;
    char *end = s + strlen(s);
    while (end > s && isspace((unsigned char)end[-1]))
        *--end = 0;
    return s;
}

static int same(const char *a, const char *b) {
    for (; *a && tolower((unsigned char)*a) == tolower((unsigned char)*b); a++)
        b++;
    return *a == *b;
}

static void read_header(struct header *h, const char *path) {
    int64_t size;
    int file = open_input(path, "header", &size);
    h->path = path;
    if (size >= 5 && size <= HEADER_LIMIT && !read_at(file, 0, h->text, size))
        die(BAD_INPUT, "%s: cannot read the header", path);
    close(file);
    h->text[size < 5 || size > HEADER_LIMIT ? 0 : size] = 0;
    if ((int64_t)strlen(h->text) != size || memcmp(h->text, "ENVI", 4) || !isspace((unsigned char)h->text[4]))
        die(BAD_INPUT, "%s: not an ENVI header", path);
}

/* Finds "key = value" or "key = {value}" and returns the value, good until the next is looked for,
 * NULL where there is none. */
static char *value_of(struct header *h, const char *key) {
    for (const char *line = strchr(h->text, '\n'); line; line = strchr(line, '\n')) {
        line++;
        const char *equals = line + strcspn(line, "=\n"), *value = equals + 1;
        if (*equals != '=' || *line == ';')
            continue;
        while (*value == ' ' || *value == '\t')
            value++;
        const char *end = value + strcspn(value, "\r\n");
        if (*value == '{') {
            end = strchr(++value, '}');
            if (!end)
                die(BAD_INPUT, "%s: a { is not closed", h->path);
        }
        char name[64] = "";
        if ((size_t)(equals - line) < sizeof name)
            memcpy(name, line, (size_t)(equals - line));
        if (same(trim(name), key)) {
            char *copy = h->value;
            for (; value < end; value++)
                *copy++ = *value == '\n' || *value == '\r' ? ' ' : *value;
            *copy = 0;
            return trim(h->value);
        }
        line = end;
    }
    return NULL;
}

static int64_t integer(struct header *h, const char *key, int64_t low, int64_t high, int64_t otherwise) {
    char *text = value_of(h, key), *end;
    if (!text) {
        if (otherwise < low)
            die(BAD_INPUT, "%s: says no \"%s\"", h->path, key);
        return otherwise;
    }
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end == text || *end || errno || v < low || v > high)
        die(BAD_INPUT, "%s: \"%s\" must be a number from %lld to %lld", h->path, key, (long long)low, (long long)high);
    return v;
}

static void read_interleave(struct frame *f, struct header *h) {
    static const char *const names[] = {"bsq", "bil", "bip"};
    char *text = value_of(h, "interleave");
    for (int i = 0; text && i < 3; i++)
        if (same(text, names[i])) {
            f->interleave = (enum interleave)i;
            return;
        }
    die(BAD_INPUT, "%s: \"interleave\" must be bsq, bil or bip", h->path);
}

/* Finds the model's bands by name. */
static void read_bands(struct frame *f, struct header *h) {
    char *text = value_of(h, "band names"), *next = text;
    if (!text)
        die(BAD_INPUT, "%s: says no \"band names\"", h->path);
    for (int i = 0; i < FEATURES; i++)
        f->band[i] = -1;
    int64_t count = 0;
    for (; next; count++) {
        char *name = next, *comma = strchr(next, ',');
        if (comma)
            *comma = 0;
        next = comma ? comma + 1 : NULL;
        name = trim(name);
        for (int i = 0; i < FEATURES; i++) {
            if (!same(name, model_bands[i]))
                continue;
            if (f->band[i] >= 0)
                die(BAD_INPUT, "%s: names band %s twice", h->path, model_bands[i]);
            f->band[i] = (int)count;
        }
    }
    if (count != f->bands)
        die(BAD_INPUT, "%s: names %lld bands but says bands = %lld", h->path, (long long)count, (long long)f->bands);
    for (int i = 0; i < FEATURES; i++)
        if (f->band[i] < 0)
            die(BAD_INPUT, "%s: band %s is missing", h->path, model_bands[i]);
}

static void read_scale(struct header *h) {
    char *text = value_of(h, "reflectance scale factor"), *end;
    if (!text)
        return;
    double scale = strtod(text, &end);
    if (end == text || *end || scale != 10000)
        die(BAD_INPUT, "%s: \"reflectance scale factor\" must be 10000", h->path);
}

/* 2015-07-11T10:00:08Z; parts of a second are dropped, the Z may be missing. */
static void read_time(struct frame *f, struct header *h) {
    char *text = value_of(h, "acquisition time");
    int n[6], used = 0;
    static const int low[6] = {1, 1, 1, 0, 0, 0}, high[6] = {9999, 12, 31, 23, 59, 60};
    if (!text)
        return;
    int good = sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &used) == 6;
    for (int i = 0; good && i < 6; i++)
        good = n[i] >= low[i] && n[i] <= high[i];
    const char *rest = text + used;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (!good || strcmp(rest, *rest == 'Z' ? "Z" : ""))
        die(BAD_INPUT, "%s: \"acquisition time\" must be as 2015-07-11T10:00:08Z", h->path);
    snprintf(f->acquired, sizeof f->acquired, "%04d-%02d-%02dT%02d:%02d:%02dZ", n[0], n[1], n[2], n[3], n[4], n[5]);
}

/* map info = {UTM, x, y, east, north, step, step, zone, North|South, WGS-84, ...}; other
 * projections are copied to the products and leave the item without a place. */
static void read_place(struct frame *f, struct header *h) {
    char *text = value_of(h, "map info"), side[8] = "";
    double x, y;
    if (!text)
        return;
    if (strlen(text) >= sizeof f->map_info)
        die(BAD_INPUT, "%s: \"map info\" is too long", h->path);
    snprintf(f->map_info, sizeof f->map_info, "%s", text);
    if (sscanf(text, "UTM , %lf , %lf , %lf , %lf , %lf , %lf , %d , %7[A-Za-z]", &x, &y, &f->east, &f->north,
               &f->step_x, &f->step_y, &f->zone, side) == 8) {
        f->east -= (x - 1) * f->step_x;
        f->north += (y - 1) * f->step_y;
        f->south = same(side, "South");
        int inside = f->east > -1e7 && f->east < 1e7 && f->north > -1e7 && f->north < 2e7;
        int steps = f->step_x > 0 && f->step_x < 1e5 && f->step_y > 0 && f->step_y < 1e5;
        if (f->zone < 1 || f->zone > 60 || !inside || !steps)
            die(BAD_INPUT, "%s: \"map info\" is not a place on Earth", h->path);
    } else {
        f->zone = 0;
    }
}

static void check_size(const struct frame *f, const char *path, int64_t size) {
    int64_t wanted = f->offset + f->samples * f->lines * f->bands * 2;
    if (size != wanted)
        die(BAD_INPUT, "%s: is %s: %lld bytes, its header describes %lld", path,
            size < wanted ? "cut short" : "too long", (long long)size, (long long)wanted);
}

void frame_open(struct frame *f, const char *folder) {
    static struct header header;
    struct header *h = &header;
    char path[PATH_LEN];
    snprintf(path, sizeof path, "%s/%s.hdr", folder, f->name);
    read_header(h, path);
    f->samples = integer(h, "samples", 1, MAX_SIDE, 0);
    f->lines = integer(h, "lines", 1, MAX_SIDE, 0);
    f->bands = integer(h, "bands", 1, MAX_BANDS, 0);
    f->offset = integer(h, "header offset", 0, 1 << 30, 0);
    f->big_endian = (int)integer(h, "byte order", 0, 1, 0);
    if (integer(h, "data type", 0, 99, -1) != 12)
        die(BAD_INPUT, "%s: \"data type\" must be 12 (uint16)", path);
    read_interleave(f, h);
    read_bands(f, h);
    read_scale(h);
    read_time(f, h);
    read_place(f, h);
    f->file = -1;
    frame_reopen(f, folder);
}

void frame_reopen(struct frame *f, const char *folder) {
    char path[PATH_LEN];
    int64_t size;
    if (f->file >= 0)
        return;
    snprintf(path, sizeof path, "%s/%s.img", folder, f->name);
    f->file = open_input(path, "data file", &size);
    check_size(f, path, size);
}

void frame_close(struct frame *f) {
    close(f->file);
    f->file = -1;
}

/* Of a large BSQ frame just the model's bands are read, one by one; else all bands of some lines at once. */
static int at_once(const struct frame *f) {
    return f->interleave != BSQ || 2 * f->samples * f->lines * f->bands <= STRIP_BYTES;
}

int64_t frame_strip(const struct frame *f, size_t *bytes) {
    int64_t line = 2 * f->samples * (at_once(f) ? f->bands : FEATURES), lines = STRIP_BYTES / line;
    lines = lines < 1 ? 1 : lines < f->lines ? lines : f->lines;
    *bytes = (size_t)(lines * line);
    return lines;
}

static void read_bytes(const struct frame *f, int64_t at, uint8_t *to, int64_t count) {
    if (!read_at(f->file, f->offset + at, to, count))
        die(BAD_INPUT, "%s.img: cannot read %lld bytes at %lld", f->name, (long long)count, (long long)(f->offset + at));
}

void frame_read(const struct frame *f, int64_t first, int64_t count, struct strip *s) {
    int64_t line = 2 * f->samples; /* bytes, of one band */
    int64_t band_step = f->interleave == BIP ? 2 : f->interleave == BIL ? line : line * count;
    s->samples = f->samples;
    s->sample_step = f->interleave == BIP ? 2 * f->bands : 2;
    s->line_step = f->interleave == BSQ ? line : line * f->bands;
    s->high = f->big_endian ? 0 : 1;
    if (at_once(f))
        read_bytes(f, line * f->bands * first, s->raw, line * f->bands * count);
    for (int i = 0; i < FEATURES; i++) {
        s->band[i] = band_step * (at_once(f) ? f->band[i] : i);
        if (!at_once(f))
            read_bytes(f, line * (f->band[i] * f->lines + first), s->raw + s->band[i], line * count);
    }
}

void strip_values(const struct strip *s, int i, int64_t first, int count, uint16_t *to) {
    int64_t y = first / s->samples, x = first % s->samples;
    for (; count; y++, x = 0) {
        int64_t n = s->samples - x < count ? s->samples - x : count;
        const uint8_t *p = s->raw + s->band[i] + y * s->line_step + x * s->sample_step;
        for (int64_t k = 0; k < n; k++, p += s->sample_step)
            *to++ = (uint16_t)(p[s->high] << 8 | p[1 - s->high]);
        count -= (int)n;
    }
}

void product_header(struct text *out, const struct frame *f, const char *description, const char *type,
                    const char *band) {
    put(out,
        "ENVI\ndescription = {%s}\nsamples = %lld\nlines = %lld\nbands = 1\nheader offset = 0\n"
        "file type = ENVI Standard\ndata type = %s\ninterleave = bsq\nbyte order = 0\nband names = {%s}\n",
        description, (long long)f->samples, (long long)f->lines, type, band);
    if (*f->map_info)
        put(out, "map info = {%s}\n", f->map_info);
    if (*f->acquired)
        put(out, "acquisition time = %s\n", f->acquired);
}
