/* Evaluates the trees over 64 pixels at a time.
 *
 * Neighbouring pixels mostly take the same way, so the pixels that have come to
 * a decision are a set of bits, and one comparison of 64 bytes splits the set:
 * a real frame needs some 30 times fewer of these than pixel by pixel. Sums are
 * taken in the order of the trees, as LightGBM does, so they are equal to the bit.
 */
#include "cloudmask.h"

#include <math.h>
#ifdef __SSE2__ /* part of every x86-64 */
#include <emmintrin.h>
#endif

enum { GROUP = 64 };

struct group {
    _Alignas(16) uint8_t bin[FEATURES][GROUP];
    double sum[GROUP];
};

/* The pixels whose bin is <= at. */
static inline uint64_t at_most(const uint8_t bin[GROUP], uint8_t at) {
    uint64_t set = 0;
#ifdef __SSE2__
    const __m128i bound = _mm_set1_epi8((char)at), zero = _mm_setzero_si128();
    for (int i = 0; i < GROUP; i += 16) {
        __m128i over = _mm_subs_epu8(_mm_load_si128((const __m128i *)(bin + i)), bound);
        set |= (uint64_t)_mm_movemask_epi8(_mm_cmpeq_epi8(over, zero)) << i;
    }
#else
    for (int i = 0; i < GROUP; i++)
        set |= (uint64_t)(bin[i] <= at) << i;
#endif
    return set;
}

/* Adds to each pixel of the set the leaf that it comes to from node n; leaf is the first below n. */
static void walk(struct group *g, const struct node *n, const double *leaf, uint64_t set) {
    while (n->feature != LEAF) {
        uint64_t left = set & at_most(g->bin[n->feature], n->bin), right = set & ~left;
        if (!right) {
            n++;
            continue;
        }
        if (left)
            walk(g, n + 1, leaf, left);
        leaf += n->right / 2; /* the left subtree is right - 1 nodes, half of them leaves, rounded up */
        n += n->right;
        set = right;
    }
    for (; set; set &= set - 1)
        g->sum[__builtin_ctzll(set)] += *leaf;
}

static void fill(struct group *g, const struct model *m, const struct strip *s, int64_t first, int count) {
    uint16_t dn[GROUP];
    for (int f = 0; f < FEATURES; f++) {
        strip_values(s, f, first, count, dn);
        for (int i = 0; i < count; i++)
            g->bin[f][i] = m->bin_of[f][dn[i] < m->limit[f] ? dn[i] : m->limit[f]];
    }
    for (int i = 0; i < GROUP; i++)
        g->sum[i] = 0;
}

/* The pixels of group i out of count in all. */
static int pixels_in(int64_t count, int64_t i) {
    return count - i * GROUP < GROUP ? (int)(count - i * GROUP) : GROUP;
}

/* Tree by tree, so that a tree is decoded once and stays in the nearest cache. */
static void predict_batch(const struct model *m, const struct strip *s, int64_t first, int64_t count, float *to) {
    static struct group *group;
    if (!group)
        group = need(BATCH / GROUP, sizeof *group, "a batch of pixels");
    int64_t groups = (count + GROUP - 1) / GROUP;
    for (int64_t i = 0; i < groups; i++)
        fill(&group[i], m, s, first + i * GROUP, pixels_in(count, i));
    for (uint32_t t = 0; t < m->trees; t++) {
        struct tree tree = model_tree(m, t);
        for (int64_t i = 0; i < groups; i++)
            walk(&group[i], tree.node, tree.leaf, UINT64_MAX >> (GROUP - pixels_in(count, i)));
    }
    for (int64_t i = 0; i < count; i++)
        to[i] = (float)(1.0 / (1.0 + exp(-group[i / GROUP].sum[i % GROUP])));
}

void forest_predict(const struct model *m, const struct strip *s, int64_t count, float *probability) {
    for (int64_t first = 0; first < count; first += BATCH)
        predict_batch(m, s, first, count - first < BATCH ? count - first : BATCH, probability + first);
}
