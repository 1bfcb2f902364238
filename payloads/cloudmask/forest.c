/* Evaluates the trees over blocks of pixels.
 *
 * A tree is walked once per block, not once per pixel: at each decision the
 * list of pixels that came there is split in two without a branch, so that
 * nothing is mispredicted and each tree's nodes are read once, in order.
 */
#include "cloudmask.h"

#include <math.h>

enum { BLOCK = 4096 };

struct block {
    const struct node *node;
    const double *leaf;
    uint8_t bin[FEATURES][BLOCK];
    double sum[BLOCK];
    uint16_t list[2][BLOCK];
};

/* One pixel from a node down to its leaf; leaf is the first one below the node. */
static void walk_one(struct block *b, const struct node *n, const double *leaf, unsigned pixel) {
    while (n->feature != LEAF) {
        if (b->bin[n->feature][pixel] > n->bin) {
            leaf += n->right / 2; /* a subtree of k nodes has (k+1)/2 leaves */
            n += n->right;
        } else {
            n++;
        }
    }
    b->sum[pixel] += *leaf;
}

/* The pixels list[side][from, to) from a node down; the other list is free there. */
static void walk(struct block *b, const struct node *n, const double *leaf, int side, unsigned from, unsigned to) {
    for (; n->feature != LEAF; side ^= 1) {
        const uint8_t *bin = b->bin[n->feature];
        const uint16_t *in = b->list[side];
        uint16_t *out = b->list[side ^ 1];
        unsigned left = from, right = to - 1, at = n->bin;
        for (unsigned i = from; i < to; i++) {
            uint16_t pixel = in[i];
            unsigned above = bin[pixel] > at;
            out[left] = pixel;
            out[right] = pixel;
            left += 1 - above;
            right -= above;
        }
        if (left - from == 1)
            walk_one(b, n + 1, leaf, out[from]);
        else if (left > from)
            walk(b, n + 1, leaf, side ^ 1, from, left);
        if (left == to)
            return;
        from = left;
        leaf += n->right / 2;
        n += n->right;
    }
    for (unsigned i = from; i < to; i++)
        b->sum[b->list[side][i]] += *leaf;
}

static void predict_block(struct block *b, const struct model *m, uint16_t *const plane[FEATURES], size_t first,
                          unsigned count) {
    for (int f = 0; f < FEATURES; f++) {
        const uint16_t *dn = plane[f] + first;
        for (unsigned i = 0; i < count; i++)
            b->bin[f][i] = m->bin_of[f][dn[i] < m->limit[f] ? dn[i] : m->limit[f]];
    }
    for (unsigned i = 0; i < count; i++)
        b->sum[i] = 0;
    const double *leaf = m->leaf;
    for (uint32_t t = 0; t < m->trees; t++) {
        for (unsigned i = 0; i < count; i++)
            b->list[0][i] = (uint16_t)i;
        walk(b, m->node + m->root[t], leaf, 0, 0, count);
        leaf += (m->root[t + 1] - m->root[t] + 1) / 2;
    }
}

void forest_predict(const struct model *m, uint16_t *const plane[FEATURES], size_t count, float *probability) {
    static struct block block;
    for (size_t first = 0; first < count; first += BLOCK) {
        unsigned n = count - first < BLOCK ? (unsigned)(count - first) : BLOCK;
        predict_block(&block, m, plane, first, n);
        for (unsigned i = 0; i < n; i++)
            probability[first + i] = (float)(1.0 / (1.0 + exp(-block.sum[i])));
    }
}
