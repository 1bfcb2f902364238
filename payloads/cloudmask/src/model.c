/* Reads the model file; ../convert.py writes it, ../README.md describes it. */
#include "cloudmask.h"

#include <string.h>
#include <unistd.h>

enum { SHIFT = 6, RAW_BITS = 45, MAX_DEPTH = 255, HEADER = 16, TREE_NODES = 1 << 16 /* see struct node */ };

/* Contexts of the bit model: each learns how likely a 0 is, out of 65536. */
struct contexts {
    uint16_t gap[16], leaf[64], feature[FEATURES + 1][16], exponent[32], top[8][16], low[16][8];
    uint16_t sign[2][FEATURES + 1][3][13];
};

/* Called in an inner loop, where the range coder must stay in registers. */
#define inlined static inline __attribute__((always_inline))

/* The range coder, a value that the functions below keep in registers. */
struct coder {
    const uint8_t *next, *end;
    uint64_t code, range;
};

struct decoder {
    struct coder coder;
    struct contexts contexts;
    const char *path;
    const uint8_t *raw;                    /* mantissas, RAW_BITS each */
    uint64_t inverse[BINS + 1];            /* 2^64 / n */
    uint32_t trees, nodes, leaves;         /* so far */
    struct node *tree, *node;              /* the tree that is being decoded: its root, its next node, */
    double *leaf;                          /* and its next leaf */
    int last_sign, last_exponent;          /* of the leaf before; sign 2 after a decision */
    uint8_t count[FEATURES];               /* thresholds */
    uint8_t low[FEATURES], high[FEATURES]; /* thresholds still open where we are in the tree */
};

_Noreturn static void damaged(const char *path, const char *how) {
    die(BAD_INPUT, "%s: model file is damaged: %s", path, how);
}

static uint32_t little32(const uint8_t *p) {
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

/* CRC-32 as in zlib (reflected 0xEDB88320), eight bytes a step. */
static uint32_t crc32(const uint8_t *p, size_t n) {
    static uint32_t table[8][256];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (0xEDB88320u & (0 - (c & 1)));
        table[0][i] = c;
    }
    for (int t = 1; t < 8; t++)
        for (int i = 0; i < 256; i++)
            table[t][i] = table[t - 1][i] >> 8 ^ table[0][table[t - 1][i] & 255];
    uint32_t c = ~0u;
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t a = c ^ little32(p), b = little32(p + 4);
        c = table[7][a & 255] ^ table[6][a >> 8 & 255] ^ table[5][a >> 16 & 255] ^ table[4][a >> 24] ^
            table[3][b & 255] ^ table[2][b >> 8 & 255] ^ table[1][b >> 16 & 255] ^ table[0][b >> 24];
    }
    for (; n; n--, p++)
        c = c >> 8 ^ table[0][(c ^ *p) & 255];
    return ~c;
}

/* Keeps range at 2^32 or more; past the end come zeros. */
inlined void refill(struct coder *c) {
    if (__builtin_expect(c->range >> 32 != 0, 1))
        return;
    uint32_t word = 0;
    if (c->end - c->next >= 4) {
        word = (uint32_t)c->next[0] << 24 | c->next[1] << 16 | c->next[2] << 8 | c->next[3];
        c->next += 4;
    }
    c->code = c->code << 32 | word;
    c->range <<= 32;
}

/* One bit, a 0 with probability p. Which it is nobody can guess, so masks stand for branches. */
inlined unsigned even_bit(struct coder *c, uint16_t *context, uint32_t p) {
    uint64_t bound = (c->range >> 16) * p, rest = c->range - bound;
    uint64_t zero = 0 - (uint64_t)(c->code < bound);
    c->code -= bound & ~zero;
    c->range = rest ^ ((rest ^ bound) & zero);
    *context = (uint16_t)(p + (zero & (65536 >> SHIFT)) - ((p + (zero & ((1 << SHIFT) - 1))) >> SHIFT));
    refill(c);
    return 1 + (unsigned)zero;
}

/* The same for a bit that is mostly what it was before: the processor foresees the branch. */
inlined int bit(struct coder *c, uint16_t *context) {
    uint32_t p = *context;
    uint64_t bound = (c->range >> 16) * p;
    if (c->code >= bound) {
        c->code -= bound;
        c->range -= bound;
        *context = (uint16_t)(p - (p >> SHIFT));
        refill(c);
        return 1;
    }
    c->range = bound;
    *context = (uint16_t)(p + ((65536 - p) >> SHIFT));
    refill(c);
    return 0;
}

/* A number of some bits, highest first, each with a context for what is before it. Both contexts
 * that can be next are fetched before the bit is known. */
inlined unsigned bits(struct coder *c, uint16_t *context, int count) {
    unsigned node = 1, last = 1u << (count - 1);
    uint32_t p = context[1];
    while (node < last) {
        uint32_t zero = context[2 * node], one = context[2 * node + 1];
        unsigned b = even_bit(c, &context[node], p);
        p = zero ^ ((zero ^ one) & (0 - b));
        node = 2 * node + b;
    }
    return 2 * node + even_bit(c, &context[node], p) - 2 * last;
}

/* A number below n, all of them equally likely; step is range / n. The caller refuses n and more. */
inlined uint32_t uniform(struct coder *c, uint64_t step) {
    uint64_t v = c->code / step;
    c->code -= v * step;
    c->range = step;
    refill(c);
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static uint32_t below(struct decoder *d, uint32_t n) {
    uint32_t v = uniform(&d->coder, d->coder.range / n);
    if (v >= n)
        damaged(d->path, "a number is out of range");
    return v;
}

inlined unsigned unary(struct coder *c, uint16_t *context, unsigned limit) {
    unsigned v = 0;
    while (v < limit && !bit(c, &context[v]))
        v++;
    return v; /* limit where it does not end */
}

/* The thresholds of one feature become a table from DN to bin, laid at bin_of; returns its size. */
static size_t thresholds(struct model *m, int feature, uint8_t *bin_of) {
    struct decoder *d = m->decoder;
    unsigned count = below(d, 256);
    int64_t before = -1;
    uint32_t from = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned size = unary(&d->coder, d->contexts.gap, 16);
        if (size == 16)
            damaged(d->path, "a number is out of range");
        before += (1u << size) + below(d, 1u << size);
        if (before > 65534)
            damaged(d->path, "a threshold is out of range");
        memset(bin_of + from, (int)i, (size_t)before + 1 - from);
        from = (uint32_t)before + 1;
    }
    bin_of[from] = (uint8_t)count;
    d->count[feature] = (uint8_t)count;
    m->limit[feature] = from;
    m->bin_of[feature] = bin_of;
    return from + 1;
}

/* The next leaf's bits that are stored as they are. */
inlined uint64_t mantissa(const struct decoder *d) {
    uint64_t at = (uint64_t)d->leaves * RAW_BITS, raw;
    const uint8_t *p = d->raw + at / 8;
    raw = little32(p) | (uint64_t)little32(p + 3) << 24;
    return raw >> at % 8 & ((1ull << RAW_BITS) - 1);
}

static void leaf(struct decoder *d, struct coder *c, int side, int parent) {
    struct contexts *x = &d->contexts;
    uint16_t *for_sign = &x->sign[side][parent][d->last_sign][d->last_exponent];
    uint64_t sign = even_bit(c, for_sign, *for_sign);
    unsigned exponent = unary(c, x->exponent, 32);
    if (exponent == 32)
        damaged(d->path, "a number is out of range");
    uint64_t top = bits(c, x->top[exponent < 7 ? exponent : 7], 4);
    uint64_t low = bits(c, x->low[top], 3);
    d->last_sign = (int)sign;
    d->last_exponent = exponent < 12 ? (int)exponent : 12;
    uint64_t u = sign << 63 | (uint64_t)(1023 - exponent) << 52 | top << 48 | mantissa(d) << 3 | low;
    memcpy(d->leaf++, &u, sizeof u);
    d->leaves++;
}

/* A decision: its feature and bin, or the end of the run. */
static void decision(struct decoder *d, struct coder *c, struct node *n, int parent) {
    d->last_sign = 2;
    unsigned feature = bits(c, d->contexts.feature[parent], 4);
    if (feature >= FEATURES || d->low[feature] == d->high[feature])
        damaged(d->path, "a decision cannot be");
    uint32_t open = d->high[feature] - d->low[feature];
    uint64_t step = (unsigned __int128)c->range * d->inverse[open] >> 64; /* range / open, or one less */
    step += c->range - step * open >= open;
    uint32_t v = uniform(c, step);
    if (v >= open)
        damaged(d->path, "a number is out of range");
    n->feature = (uint8_t)feature;
    n->bin = (uint8_t)(d->low[feature] + v);
}

/* One subtree in preorder. */
static void subtree(struct decoder *d, const struct model *m, int depth, int parent, int side) {
    if (depth > MAX_DEPTH || d->nodes == 2 * m->leaves - m->trees)
        damaged(d->path, "a tree does not end");
    if (d->node - d->tree == TREE_NODES)
        damaged(d->path, "a tree is too large");
    struct node *n = d->node++;
    struct coder c = d->coder;
    d->nodes++;
    if (bit(&c, &d->contexts.leaf[depth < 63 ? depth : 63])) {
        if (d->leaves == m->leaves)
            damaged(d->path, "a tree does not end");
        leaf(d, &c, side, parent);
        d->coder = c;
        n->feature = LEAF;
        return;
    }
    decision(d, &c, n, parent);
    d->coder = c;
    int feature = n->feature;
    uint8_t low = d->low[feature], high = d->high[feature];
    d->high[feature] = n->bin;
    subtree(d, m, depth + 1, feature, 0);
    d->low[feature] = n->bin + 1;
    d->high[feature] = high;
    n->right = (uint16_t)(d->node - n);
    subtree(d, m, depth + 1, feature, 1);
    d->low[feature] = low;
}

struct tree model_tree(const struct model *m, uint32_t number) {
    struct decoder *d = m->decoder;
    if (number == d->trees) {
        if (!m->keep) {
            d->node = m->node;
            d->leaf = m->leaf;
        }
        d->tree = d->node;
        m->root[number] = (uint32_t)(d->node - m->node);
        memset(d->low, 0, sizeof d->low);
        memcpy(d->high, d->count, sizeof d->high);
        subtree(d, m, 0, FEATURES, 0);
        if (++d->trees == m->trees && d->leaves != m->leaves)
            damaged(d->path, "leaves are missing");
    }
    uint32_t root = m->keep ? m->root[number] : 0; /* the trees before it have one leaf more than decisions each */
    return (struct tree){m->node + root, m->leaf + (m->keep ? (root + number) / 2 : 0)};
}

static uint8_t *read_file(const char *path, size_t *bytes) {
    enum { LIMIT = 64 << 20 };
    int64_t size;
    int file = open_input(path, "model file", &size);
    if (size < HEADER || size > LIMIT)
        damaged(path, "its size cannot be");
    uint8_t *data = need((size_t)size, 1, path);
    if (!read_at(file, 0, data, size))
        die(BAD_INPUT, "%s: cannot read the model file", path);
    close(file);
    *bytes = (size_t)size;
    return data;
}

/* Allocates what the counts in the file's header call for: all trees, or the largest that there may be. */
static void allocate(struct model *m) {
    size_t nodes = 2 * (size_t)m->leaves - m->trees, leaves = m->leaves;
    if (!m->keep && nodes > TREE_NODES) {
        nodes = TREE_NODES;
        leaves = TREE_NODES / 2 + 1;
    }
    m->leaf = need(leaves * sizeof *m->leaf + nodes * sizeof *m->node + m->trees * sizeof *m->root, 1, "the model");
    m->node = (struct node *)(m->leaf + leaves);
    m->root = (uint32_t *)(m->node + nodes);
}

static void start(struct decoder *d, const struct model *m, const uint8_t *data, size_t size) {
    uint64_t raw = ((uint64_t)m->leaves * RAW_BITS + 7) / 8;
    if (m->trees < 1 || m->trees > m->leaves || m->leaves > 1u << 28 || HEADER + raw + 8 > size)
        damaged(d->path, "its counts cannot be");
    struct coder *c = &d->coder;
    d->raw = data + HEADER;
    c->next = d->raw + raw;
    c->end = data + size;
    c->range = 1; /* two words are due */
    refill(c);
    c->range = 1;
    refill(c);
    c->range = UINT64_MAX;
    uint16_t *p = (uint16_t *)&d->contexts;
    for (size_t i = 0; i < sizeof d->contexts / sizeof *p; i++)
        p[i] = 32768;
    for (uint32_t n = 1; n <= BINS; n++)
        d->inverse[n] = UINT64_MAX / n;
    d->last_sign = 2;
}

void model_load(struct model *m, const char *path, int keep) {
    struct decoder *decoder = need(1, sizeof *decoder, "the model");
    size_t size, used = 0;
    uint8_t *data = read_file(path, &size);
    if (memcmp(data, "CMF1", 4))
        damaged(path, "it does not start with CMF1");
    if (crc32(data + 8, size - 8) != little32(data + 4))
        damaged(path, "its checksum does not match");
    m->trees = little32(data + 8);
    m->leaves = little32(data + 12);
    m->keep = keep;
    m->decoder = decoder;
    decoder->path = path;
    start(decoder, m, data, size);
    uint8_t *bins = need(FEATURES, 1 << 16, "the model"); /* used as far as the thresholds go */
    allocate(m);
    for (int f = 0; f < FEATURES; f++)
        used += thresholds(m, f, bins + used);
    decoder->node = m->node;
    decoder->leaf = m->leaf;
}
