/* Reads the model file; ../convert.py writes it, ../README.md describes it. */
#include "cloudmask.h"

#include <stdlib.h>
#include <string.h>

enum { SHIFT = 6, RAW_BITS = 45, MAX_DEPTH = 255, HEADER = 16 };

/* Contexts of the bit model: each learns how likely a 0 is, out of 65536. */
struct contexts {
    uint16_t gap[16], leaf[64], feature[FEATURES + 1][16], exponent[32], top[8][16], low[16][8];
    uint16_t sign[2][FEATURES + 1][3][13];
};

struct decoder {
    const uint8_t *next, *end;
    uint64_t code, range;
    const uint8_t *raw; /* mantissas, RAW_BITS each */
    struct contexts *c;
    struct model *m;
    const char *path;
    uint32_t nodes, leaves;                 /* so far */
    int last_sign, last_exponent;           /* of the leaf before; sign 2 after a decision */
    uint8_t low[FEATURES], high[FEATURES];  /* thresholds still open where we are in the tree */
};

_Noreturn static void damaged(const char *path, const char *how) {
    die(BAD_INPUT, "%s: model file is damaged: %s", path, how);
}

static uint32_t little32(const uint8_t *p) {
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

/* CRC-32 as in zlib (reflected 0xEDB88320), four bytes a step. */
static uint32_t crc32(const uint8_t *p, size_t n) {
    static uint32_t table[4][256];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (c & 1 ? 0xEDB88320u : 0);
        table[0][i] = c;
    }
    for (int t = 1; t < 4; t++)
        for (int i = 0; i < 256; i++)
            table[t][i] = table[t - 1][i] >> 8 ^ table[0][table[t - 1][i] & 255];
    uint32_t c = ~0u;
    for (; n >= 4; n -= 4, p += 4) {
        c ^= little32(p);
        c = table[3][c & 255] ^ table[2][c >> 8 & 255] ^ table[1][c >> 16 & 255] ^ table[0][c >> 24];
    }
    for (; n; n--, p++)
        c = c >> 8 ^ table[0][(c ^ *p) & 255];
    return ~c;
}

/* Keeps range at 2^32 or more; past the end come zeros. */
static inline void refill(struct decoder *d) {
    if (d->range >> 32)
        return;
    uint32_t word = 0;
    if (d->end - d->next >= 4) {
        word = (uint32_t)d->next[0] << 24 | d->next[1] << 16 | d->next[2] << 8 | d->next[3];
        d->next += 4;
    }
    d->code = d->code << 32 | word;
    d->range <<= 32;
}

static inline int bit(struct decoder *d, uint16_t *p) {
    uint64_t bound = (d->range >> 16) * *p;
    int one = d->code >= bound;
    if (one) {
        d->code -= bound;
        d->range -= bound;
        *p -= *p >> SHIFT;
    } else {
        d->range = bound;
        *p += (65536 - *p) >> SHIFT;
    }
    refill(d);
    return one;
}

static uint32_t uniform(struct decoder *d, uint32_t n) {
    uint64_t step = d->range / n, v = d->code / step;
    if (v >= n)
        damaged(d->path, "a number is out of range");
    d->code -= v * step;
    d->range = step;
    refill(d);
    return (uint32_t)v;
}

static unsigned bits(struct decoder *d, uint16_t *context, int count) {
    unsigned node = 1;
    for (int k = 0; k < count; k++)
        node = 2 * node + bit(d, &context[node]);
    return node - (1u << count);
}

static unsigned unary(struct decoder *d, uint16_t *context, unsigned limit) {
    unsigned v = 0;
    while (!bit(d, &context[v]))
        if (++v == limit)
            damaged(d->path, "a number is out of range");
    return v;
}

/* The thresholds of one feature become a table from DN to bin. */
static unsigned thresholds(struct decoder *d, int feature) {
    unsigned count = uniform(d, 256);
    uint32_t dn[BINS];
    int64_t before = -1;
    for (unsigned i = 0; i < count; i++) {
        unsigned size = unary(d, d->c->gap, 16);
        before += (1u << size) + uniform(d, 1u << size);
        if (before > 65534)
            damaged(d->path, "a threshold is out of range");
        dn[i] = (uint32_t)before;
    }
    uint32_t limit = count ? dn[count - 1] + 1 : 0, from = 0;
    uint8_t *bin_of = need(limit + 1, 1, "the model");
    for (unsigned i = 0; i < count; i++) {
        memset(bin_of + from, (int)i, dn[i] + 1 - from);
        from = dn[i] + 1;
    }
    bin_of[limit] = (uint8_t)count;
    d->m->limit[feature] = limit;
    d->m->bin_of[feature] = bin_of;
    return count;
}

static double leaf(struct decoder *d, int side, int parent) {
    uint64_t sign = bit(d, &d->c->sign[side][parent][d->last_sign][d->last_exponent]);
    unsigned exponent = unary(d, d->c->exponent, 32);
    uint64_t top = bits(d, d->c->top[exponent < 7 ? exponent : 7], 4);
    uint64_t low = bits(d, d->c->low[top], 3);
    uint64_t at = (uint64_t)d->leaves * RAW_BITS, raw = 0;
    for (int i = 0; i < 7; i++)
        raw |= (uint64_t)d->raw[at / 8 + i] << 8 * i;
    raw = raw >> at % 8 & ((1ull << RAW_BITS) - 1);
    d->last_sign = (int)sign;
    d->last_exponent = exponent < 12 ? (int)exponent : 12;
    uint64_t u = sign << 63 | (uint64_t)(1023 - exponent) << 52 | top << 48 | raw << 3 | low;
    double value;
    memcpy(&value, &u, sizeof value);
    return value;
}

/* One subtree in preorder. */
static void tree(struct decoder *d, int depth, int parent, int side) {
    if (depth > MAX_DEPTH || d->nodes == 2 * d->m->leaves - d->m->trees)
        damaged(d->path, "a tree does not end");
    uint32_t self = d->nodes++;
    struct node *n = &d->m->node[self];
    if (bit(d, &d->c->leaf[depth < 63 ? depth : 63])) {
        if (d->leaves == d->m->leaves)
            damaged(d->path, "a tree does not end");
        d->m->leaf[d->leaves] = leaf(d, side, parent);
        d->leaves++;
        n->feature = LEAF;
        return;
    }
    d->last_sign = 2;
    unsigned feature = bits(d, d->c->feature[parent], 4);
    if (feature >= FEATURES || d->low[feature] == d->high[feature])
        damaged(d->path, "a decision cannot be");
    uint8_t low = d->low[feature], high = d->high[feature];
    uint8_t bin = (uint8_t)(low + uniform(d, high - low));
    n->feature = (uint8_t)feature;
    n->bin = bin;
    d->high[feature] = bin;
    tree(d, depth + 1, (int)feature, 0);
    d->low[feature] = bin + 1;
    d->high[feature] = high;
    if (d->nodes - self > UINT16_MAX)
        damaged(d->path, "a tree is too large");
    n->right = (uint16_t)(d->nodes - self);
    tree(d, depth + 1, (int)feature, 1);
    d->low[feature] = low;
}

static uint8_t *read_file(const char *path, size_t *size) {
    enum { LIMIT = 64 << 20 };
    FILE *f = fopen(path, "rb");
    if (!f)
        die(BAD_INPUT, "%s: cannot open the model file", path);
    if (fseek(f, 0, SEEK_END) || (long)(*size = (size_t)ftell(f)) < HEADER || *size > LIMIT || fseek(f, 0, SEEK_SET))
        damaged(path, "its size cannot be");
    uint8_t *data = need(*size, 1, "the model file");
    if (fread(data, 1, *size, f) != *size)
        die(BAD_INPUT, "%s: cannot read the model file", path);
    fclose(f);
    return data;
}

/* Allocates what the counts in the file's header call for and starts the decoder. */
static void start(struct decoder *d, const uint8_t *data, size_t size) {
    struct model *m = d->m;
    m->trees = little32(data + 8);
    m->leaves = little32(data + 12);
    uint64_t raw = ((uint64_t)m->leaves * RAW_BITS + 7) / 8;
    if (m->trees < 1 || m->trees > m->leaves || m->leaves > 1u << 28 || HEADER + raw + 8 > size)
        damaged(d->path, "its counts cannot be");
    m->root = need(m->trees + 1, sizeof *m->root, "the model");
    m->node = need(2 * m->leaves - m->trees, sizeof *m->node, "the model");
    m->leaf = need(m->leaves, sizeof *m->leaf, "the model");
    d->raw = data + HEADER;
    d->next = d->raw + raw;
    d->end = data + size;
    d->range = 1; /* two words are due */
    refill(d);
    d->range = 1;
    refill(d);
    d->range = UINT64_MAX;
    uint16_t *p = (uint16_t *)d->c;
    for (size_t i = 0; i < sizeof *d->c / sizeof *p; i++)
        p[i] = 32768;
}

void model_load(struct model *m, const char *path) {
    size_t size;
    uint8_t *data = read_file(path, &size);
    if (memcmp(data, "CMF1", 4))
        damaged(path, "it does not start with CMF1");
    if (crc32(data + 8, size - 8) != little32(data + 4))
        damaged(path, "its checksum does not match");
    struct contexts contexts;
    struct decoder d = {.m = m, .path = path, .c = &contexts, .last_sign = 2};
    start(&d, data, size);
    uint8_t count[FEATURES];
    for (int f = 0; f < FEATURES; f++)
        count[f] = (uint8_t)thresholds(&d, f);
    for (uint32_t t = 0; t < m->trees; t++) {
        m->root[t] = d.nodes;
        memset(d.low, 0, sizeof d.low);
        memcpy(d.high, count, sizeof d.high);
        tree(&d, 0, FEATURES, 0);
    }
    m->root[m->trees] = d.nodes;
    if (d.leaves != m->leaves)
        damaged(path, "leaves are missing");
    free(data);
}
