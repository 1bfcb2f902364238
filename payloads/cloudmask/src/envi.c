/* Frames and products in ENVI format: a text header NAME.hdr beside raw data NAME.img. */
#include "cloudmask.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const model_bands[FEATURES] = {"B01", "B02", "B04", "B05", "B08", "B8A", "B09", "B10", "B11", "B12"};

enum { HEADER_LIMIT = 1 << 18, STRIP_BYTES = 1 << 20, MAX_BANDS = 1 << 12 };

/* A header's text; each line that is read is cut into key and value in place. */
struct header {
    const char *path;
    char *text;
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

static char *header_text(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f)
        die(BAD_INPUT, "%s: %s", path, errno == ENOENT ? "header is missing" : "cannot open the header");
    char *text = need(HEADER_LIMIT + 1, 1, "a header");
    size_t n = fread(text, 1, HEADER_LIMIT, f);
    int bad = ferror(f), more = fgetc(f) != EOF;
    fclose(f);
    if (bad)
        die(BAD_INPUT, "%s: cannot read the header", path);
    if (more || strlen(text) != n || n < 4 || memcmp(text, "ENVI", 4) || !isspace((unsigned char)text[4]))
        die(BAD_INPUT, "%s: not an ENVI header", path);
    return text;
}

/* Finds "key = value" or "key = {value}" and returns a copy of the value, NULL where there is none. */
static char *value_of(const struct header *h, const char *key) {
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
            char *copy = need((size_t)(end - value) + 1, 1, "a header");
            for (ptrdiff_t i = 0; i < end - value; i++)
                copy[i] = value[i] == '\n' || value[i] == '\r' ? ' ' : value[i];
            char *start = trim(copy);
            memmove(copy, start, strlen(start) + 1);
            return copy;
        }
        line = end;
    }
    return NULL;
}

static int64_t integer(const struct header *h, const char *key, int64_t low, int64_t high, int64_t otherwise) {
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
    free(text);
    return v;
}

static void read_interleave(struct frame *f, const struct header *h) {
    static const char *const names[] = {"bsq", "bil", "bip"};
    char *text = value_of(h, "interleave");
    for (int i = 0; text && i < 3; i++)
        if (same(text, names[i])) {
            f->interleave = (enum interleave)i;
            free(text);
            return;
        }
    die(BAD_INPUT, "%s: \"interleave\" must be bsq, bil or bip", h->path);
}

/* Finds the model's bands by name. */
static void read_bands(struct frame *f, const struct header *h) {
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
    free(text);
    if (count != f->bands)
        die(BAD_INPUT, "%s: names %lld bands but says bands = %lld", h->path, (long long)count, (long long)f->bands);
    for (int i = 0; i < FEATURES; i++)
        if (f->band[i] < 0)
            die(BAD_INPUT, "%s: band %s is missing", h->path, model_bands[i]);
}

static void read_scale(const struct header *h) {
    char *text = value_of(h, "reflectance scale factor"), *end;
    if (!text)
        return;
    double scale = strtod(text, &end);
    if (end == text || *end || scale != 10000)
        die(BAD_INPUT, "%s: \"reflectance scale factor\" must be 10000", h->path);
    free(text);
}

/* 2015-07-11T10:00:08Z; parts of a second are dropped, the Z may be missing. */
static void read_time(struct frame *f, const struct header *h) {
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
    free(text);
}

/* map info = {UTM, x, y, east, north, step, step, zone, North|South, WGS-84, ...}; other
 * projections are copied to the products and leave the item without a place. */
static void read_place(struct frame *f, const struct header *h) {
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
    free(text);
}

/* Opens NAME.img and checks that it has just the bytes that the header describes. */
static void open_data(struct frame *f) {
    f->file = fopen(f->path, "rb");
    if (!f->file)
        die(BAD_INPUT, "%s: %s", f->path, errno == ENOENT ? "data file is missing" : "cannot open the data file");
    setvbuf(f->file, NULL, _IONBF, 0);
    int64_t wanted = f->offset + f->samples * f->lines * f->bands * 2, size;
    if (fseek(f->file, 0, SEEK_END) || (size = ftell(f->file)) < 0)
        die(BAD_INPUT, "%s: cannot read the data file", f->path);
    if (size != wanted)
        die(BAD_INPUT, "%s: is %s: %lld bytes, its header describes %lld", f->path,
            size < wanted ? "cut short" : "too long", (long long)size, (long long)wanted);
}

void frame_open(struct frame *f, const char *folder, const char *name) {
    memset(f, 0, sizeof *f);
    char path[PATH_LEN];
    snprintf(f->name, sizeof f->name, "%s", name);
    snprintf(path, sizeof path, "%s/%s.hdr", folder, name);
    snprintf(f->path, sizeof f->path, "%s/%s.img", folder, name);
    struct header h = {path, header_text(path)};
    f->samples = integer(&h, "samples", 1, MAX_SIDE, 0);
    f->lines = integer(&h, "lines", 1, MAX_SIDE, 0);
    f->bands = integer(&h, "bands", 1, MAX_BANDS, 0);
    f->offset = integer(&h, "header offset", 0, 1 << 30, 0);
    f->big_endian = (int)integer(&h, "byte order", 0, 1, 0);
    if (integer(&h, "data type", 0, 99, -1) != 12)
        die(BAD_INPUT, "%s: \"data type\" must be 12 (uint16)", path);
    read_interleave(f, &h);
    read_bands(f, &h);
    read_scale(&h);
    read_time(f, &h);
    read_place(f, &h);
    free(h.text);
    open_data(f);
}

/* In BSQ a band's lines are read apart from the other bands'; else all bands of a line at once. */
static int64_t line_values(const struct frame *f) {
    return f->interleave == BSQ ? f->samples : f->samples * f->bands;
}

int64_t frame_strip(const struct frame *f) {
    int64_t lines = STRIP_BYTES / (2 * line_values(f));
    return lines < 1 ? 1 : lines < f->lines ? lines : f->lines;
}

static void read_bytes(struct frame *f, int64_t at, uint8_t *to, int64_t count) {
    if (fseek(f->file, f->offset + at, SEEK_SET) || fread(to, 1, (size_t)count, f->file) != (size_t)count)
        die(BAD_INPUT, "%s: cannot read %lld bytes at %lld", f->path, (long long)count, (long long)(f->offset + at));
}

/* Copies count values that lie step values apart. */
static void unpack(const struct frame *f, const uint8_t *from, int64_t step, uint16_t *to, int64_t count) {
    int high = f->big_endian ? 0 : 1;
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *p = from + 2 * step * i;
        to[i] = (uint16_t)(p[high] << 8 | p[1 - high]);
    }
}

void frame_read(struct frame *f, int64_t first, int64_t count, uint16_t *plane[FEATURES]) {
    int64_t line = line_values(f), size = 2 * line * count;
    uint8_t *raw = need((size_t)size, 1, f->path);
    if (f->interleave != BSQ)
        read_bytes(f, 2 * line * first, raw, size);
    for (int b = 0; b < FEATURES; b++) {
        int64_t band = f->band[b];
        if (f->interleave == BSQ) {
            read_bytes(f, 2 * line * (band * f->lines + first), raw, size);
            unpack(f, raw, 1, plane[b], f->samples * count);
        } else if (f->interleave == BIP) {
            unpack(f, raw + 2 * band, f->bands, plane[b], f->samples * count);
        } else {
            for (int64_t y = 0; y < count; y++)
                unpack(f, raw + 2 * (y * line + band * f->samples), 1, plane[b] + y * f->samples, f->samples);
        }
    }
    free(raw);
}

void frame_close(struct frame *f) {
    if (f->file)
        fclose(f->file);
    f->file = NULL;
}

void product_header(FILE *out, const struct frame *f, const char *description, const char *type, const char *band) {
    fprintf(out,
            "ENVI\ndescription = {%s}\nsamples = %lld\nlines = %lld\nbands = 1\nheader offset = 0\n"
            "file type = ENVI Standard\ndata type = %s\ninterleave = bsq\nbyte order = 0\nband names = {%s}\n",
            description, (long long)f->samples, (long long)f->lines, type, band);
    if (*f->map_info)
        fprintf(out, "map info = {%s}\n", f->map_info);
    if (*f->acquired)
        fprintf(out, "acquisition time = %s\n", f->acquired);
}
