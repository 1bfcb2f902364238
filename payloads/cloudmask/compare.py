#!/usr/bin/env python3
"""Set the C program beside s2cloudless itself, on one thread.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python compare.py time  --in DIR [--out DIR] [--repeat N]
    venv/bin/python compare.py check --program FILE --app DIR [--pixels N] [--seed N]

time runs s2cloudless over the ENVI frames of a folder, prints a JSON line
(seconds for the model and the masks, microseconds per pixel by the clock and of CPU) and writes the products if asked.
check makes random frames of many kinds and shapes, runs both, and fails on the
first byte of a probability map or a mask that differs.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ["OMP_NUM_THREADS"] = "1"  # before the libraries read it

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from s2cloudless import S2PixelCloudDetector  # noqa: E402
from s2cloudless.utils import MODEL_BAND_IDS, S2_BANDS  # noqa: E402

MODEL_BANDS = [S2_BANDS[i] for i in MODEL_BAND_IDS]
FRAMES = pathlib.Path(__file__).resolve().parent / "testdata"


def read_header(path):
    text = path.read_text()
    field = {}
    for line in text.splitlines()[1:]:
        if "=" in line:
            key, value = line.split("=", 1)
            field[key.strip().lower()] = value.strip().strip("{}")
    return field


def read_frame(path):
    """The DN of the model's bands, (lines, samples, 10), of a BSQ frame."""
    field = read_header(path.with_suffix(".hdr"))
    lines, samples, bands = (int(field[k]) for k in ("lines", "samples", "bands"))
    order = ">u2" if field.get("byte order") == "1" else "<u2"
    names = [n.strip() for n in field["band names"].split(",")]
    if field["interleave"] != "bsq" or field["data type"] != "12":
        raise SystemExit(f"{path}: only uint16 BSQ here")
    data = np.fromfile(path, order).reshape(bands, lines, samples)
    return np.stack([data[names.index(b)] for b in MODEL_BANDS], axis=-1)


def write_frame(folder, name, dn):
    """Writes (lines, samples, 10) DN as a BSQ frame."""
    lines, samples, bands = dn.shape
    np.ascontiguousarray(dn.transpose(2, 0, 1)).astype("<u2").tofile(folder / f"{name}.img")
    (folder / f"{name}.hdr").write_text(
        f"ENVI\nsamples = {samples}\nlines = {lines}\nbands = {bands}\nheader offset = 0\n"
        "file type = ENVI Standard\ndata type = 12\ninterleave = bsq\nbyte order = 0\n"
        f"reflectance scale factor = 10000\nband names = {{{', '.join(MODEL_BANDS)}}}\n")


class Reference:
    """s2cloudless with the parameters of the published masks, on one thread."""

    def __init__(self, **parameters):
        cv2.setNumThreads(1)
        self.detector = S2PixelCloudDetector(
            **{"threshold": 0.4, "average_over": 4, "dilation_size": 2, **parameters})
        start = time.perf_counter()
        self.detector.classifier  # loads the model
        self.load_seconds = time.perf_counter() - start

    def probability(self, dn):
        reflectance = (dn / 10000.0).astype(np.float32)
        return self.detector.get_cloud_probability_maps(reflectance[np.newaxis], num_threads=1)[0]

    def mask(self, probability):
        return self.detector.get_mask_from_prob(probability[np.newaxis])[0].astype(np.uint8)


def frames_in(folder):
    ours = (".clp", ".mask")
    return sorted(p for p in pathlib.Path(folder).glob("*.img") if not p.stem.endswith(ours))


def run_time(args):
    reference = Reference()
    predict, masks, cpu = [], [], []
    paths = frames_in(args.input)
    if not paths:
        raise SystemExit(f"{args.input}: no frame")
    frames = [(p, read_frame(p)) for p in paths]
    pixels = sum(dn.shape[0] * dn.shape[1] for _, dn in frames)
    for _ in range(args.repeat):
        spent_predict = spent_mask = 0.0
        cpu_before = time.process_time()
        for path, dn in frames:
            t0 = time.perf_counter()
            probability = reference.probability(dn)
            t1 = time.perf_counter()
            mask = reference.mask(probability)
            t2 = time.perf_counter()
            spent_predict += t1 - t0
            spent_mask += t2 - t1
            if args.output:
                probability.tofile(pathlib.Path(args.output, path.stem + ".clp.img"))
                mask.tofile(pathlib.Path(args.output, path.stem + ".mask.img"))
        cpu.append(time.process_time() - cpu_before)
        predict.append(spent_predict)
        masks.append(spent_mask)
    total = sorted(a + b for a, b in zip(predict, masks))[args.repeat // 2]
    print(json.dumps({
        "frames": len(frames), "pixels": pixels, "load_seconds": round(reference.load_seconds, 4),
        "predict_seconds": sorted(predict)[args.repeat // 2], "mask_seconds": sorted(masks)[args.repeat // 2],
        "microseconds_per_pixel": total / pixels * 1e6,
        "cpu_microseconds_per_pixel": sorted(cpu)[args.repeat // 2] / pixels * 1e6}))


def edges(reference):
    """Each feature's DN just below, at and just above each threshold of the model."""
    reflectance = (np.arange(65536) / 10000.0).astype(np.float32).astype(np.float64)
    text = reference.detector.classifier.classifier.model_to_string().splitlines()

    def numbers(key):
        lines = [line.split("=")[1] for line in text if line.startswith(key + "=")]
        return np.array(" ".join(lines).split(), float)

    feature, threshold = numbers("split_feature"), numbers("threshold")
    found = []
    for i in range(len(MODEL_BANDS)):
        dn = np.searchsorted(reflectance, np.unique(threshold[feature == i]), side="right") - 1
        found.append(np.unique(np.clip(np.concatenate([dn - 1, dn, dn + 1]), 0, 65535)))
    return found


def random_frame(rng, kind, shape, edge, real):
    """DN (lines, samples, 10) of one of the kinds below."""
    bands = len(MODEL_BANDS)
    if kind == "any DN":
        return rng.integers(0, 65536, (*shape, bands))
    if kind == "bright and dark":
        return rng.integers(0, 12000, (*shape, bands))
    if kind == "edges of thresholds":
        return np.stack([rng.choice(e, shape) for e in edge], axis=-1)
    pick = rng.integers(0, len(real), shape)  # real pixels, bands disturbed alike or apart
    dn = real[pick].astype(np.int64)
    if kind == "real, disturbed":
        dn = dn * rng.normal(1, 0.15, (*shape, 1)) + rng.normal(0, 60, dn.shape)
    if kind == "real, smooth":
        y, x = np.mgrid[:shape[0], :shape[1]]
        mix = ((np.sin(x / 9 + rng.random() * 6) + np.cos(y / 7 + rng.random() * 6)) / 4 + 0.5)[..., np.newaxis]
        a, b = real[rng.integers(0, len(real), 2)].astype(float)
        dn = a * mix + b * (1 - mix) + rng.normal(0, 30, dn.shape)
    return np.clip(np.rint(dn), 0, 65535).astype(np.int64)


KINDS = ["any DN", "bright and dark", "edges of thresholds", "real", "real, disturbed", "real, smooth"]
SHAPES = [(1, 1), (1, 9), (7, 1), (2, 3), (3, 8), (4, 5), (5, 64), (9, 7), (13, 17), (64, 64), (31, 100), (37, 53)]


def first_difference(got, want):
    got, want = np.asarray(got).ravel(), np.asarray(want).ravel()
    if got.size != want.size:
        return f"{got.size} values, want {want.size}"
    if got.tobytes() == want.tobytes():
        return None
    where = np.flatnonzero(got != want)
    return f"{where.size} of {want.size} differ, first at {where[0]}: got {got[where[0]]!r}, want {want[where[0]]!r}"


def check_thresholds(args, rng, real):
    """Masks whose threshold is the very mean of one of their pixels, or one float32 step below it."""
    reference, runs = Reference(dilation_size=0), 0
    for k in range(30):
        shape = int(rng.integers(1, 40)), int(rng.integers(1, 60))
        dn = random_frame(rng, KINDS[3 + k % 3], shape, None, real)
        probability = reference.probability(dn)
        mean = cv2.filter2D(probability, -1, reference.detector.conv_filter, borderType=cv2.BORDER_REFLECT)
        with tempfile.TemporaryDirectory() as folder:
            write_frame(pathlib.Path(folder), "f", dn)
            for at in rng.choice(mean.ravel(), 6):
                for threshold in (float(at), float(np.nextafter(at, np.float32(0)))):
                    subprocess.run([args.program, "--in", folder, "--out", folder, "--app", args.app, "--dilate", "0",
                                    "--threshold", repr(threshold)], check=True, stdout=subprocess.DEVNULL)
                    got = np.fromfile(pathlib.Path(folder, "f.mask.img"), np.uint8)
                    fault = first_difference(got, (mean > threshold).astype(np.uint8))
                    if fault:
                        raise SystemExit(f"mask of {shape} at threshold {threshold!r}: {fault}")
                    runs += 1
    return runs


def run_check(args):
    rng = np.random.default_rng(args.seed)
    edge = edges(Reference())
    real = np.concatenate([read_frame(p).reshape(-1, len(MODEL_BANDS)) for p in frames_in(FRAMES)])
    done, batch, cases = 0, 0, 0
    while done < args.pixels:
        average = int(rng.integers(0, 6))  # without a mean s2cloudless cannot dilate: OpenCV refuses int8
        reference = Reference() if batch == 0 else Reference(
            threshold=float(rng.choice([0.1, 0.25, 0.4, 0.5, 0.7])),
            average_over=average, dilation_size=int(rng.integers(0, 7)) if average else 0)
        batch += 1
        big = [(int(s), int(1 + 60000 // s)) for s in rng.integers(20, 400, 2)]
        with tempfile.TemporaryDirectory() as folder:
            into, out = pathlib.Path(folder, "in"), pathlib.Path(folder, "out")
            into.mkdir()
            out.mkdir()
            frames = {}
            for kind in KINDS:
                for shape in SHAPES + big:
                    name = f"f{len(frames)}"
                    frames[name] = (kind, shape, random_frame(rng, kind, shape, edge, real))
                    write_frame(into, name, frames[name][2])
            d = reference.detector
            subprocess.run([args.program, "--in", into, "--out", out, "--app", args.app, "--threshold", str(d.threshold),
                            "--average", str(d.average_over), "--dilate", str(d.dilation_size)],
                           check=True, stdout=subprocess.DEVNULL)
            for name, (kind, shape, dn) in frames.items():
                probability = reference.probability(dn)
                for suffix, want in ((".clp.img", probability), (".mask.img", reference.mask(probability))):
                    got = np.fromfile(out / (name + suffix), want.dtype)
                    fault = first_difference(got, want)
                    if fault:
                        raise SystemExit(f"{kind} {shape}{suffix} with threshold {d.threshold}, average {d.average_over},"
                                         f" dilate {d.dilation_size}: {fault}")
                done += dn.shape[0] * dn.shape[1]
                cases += 1
        print(f"{done} pixels in {cases} frames: identical", file=sys.stderr)
    runs = check_thresholds(args, rng, real)
    print(json.dumps({"pixels": done, "frames": cases, "masks_at_their_threshold": runs, "identical": True}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(required=True)
    timing = modes.add_parser("time")
    timing.add_argument("--in", dest="input", required=True)
    timing.add_argument("--out", dest="output")
    timing.add_argument("--repeat", type=int, default=1)
    timing.set_defaults(run=run_time)
    check = modes.add_parser("check")
    check.add_argument("--program", required=True)
    check.add_argument("--app", required=True)
    check.add_argument("--pixels", type=int, default=1_000_000)
    check.add_argument("--seed", type=int, default=1)
    check.set_defaults(run=run_check)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
