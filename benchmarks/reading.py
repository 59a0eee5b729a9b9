"""Accuracy of the reader on a folder of pictures with their truth, beside RapidOCR and Tesseract.

Usage: python benchmarks/reading.py FOLDER [--half {0,1}] [--kind KIND ...] [--wrong] [--no-peers]

The folder has a truth.csv with the columns file, kind and truth: the digits in reading order, with
lines separated by "/". A picture is right if its digits, line by line, are exactly these; "digits"
is the part of the digits that are right, by edit distance. "at 99%" is the part of the pictures
that can be answered with at most 1% of these wrong, the most confident first. Seconds are processor
time for a picture. "page", "line" and "single" are the reader's layouts. The others are measured
where their Python packages (rapidocr, pytesseract) are installed; their text is cut down to its
digits. --half takes every second picture of each kind: develop on one half only.
"""

import argparse
import csv
import importlib.util
import shutil
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from digitcnn.reading import DigitReader

# Of a picture's path: the digits, line by line, and how sure they are.
Reader = Callable[[Path], tuple[str, float]]


def edit_distance(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, sign in enumerate(one, 1):
        last, row[0] = row[0], i
        for j, wanted in enumerate(other, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (sign != wanted))
    return row[-1]


def digits_only(lines: list[str]) -> str:
    kept = ("".join(sign for sign in line if sign in "0123456789") for line in lines)
    return "/".join(line for line in kept if line)


def our_reader(layout: str) -> Reader:
    reader = DigitReader(layout=layout)

    def read(path: Path) -> tuple[str, float]:
        page = reader.read(path)
        return digits_only([line.text for line in page.lines]), page.confidence

    return read


def rapid_ocr(use_det: bool) -> Reader:
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.log_level": "critical"})

    def read(path: Path) -> tuple[str, float]:
        found = engine(_upright(path)[..., ::-1], use_det=use_det, use_cls=use_det, use_rec=True)
        if not found.txts:
            return "", 0.0
        if not use_det or found.boxes is None:
            return digits_only(list(found.txts)), float(min(found.scores))
        # Boxes whose middles are within half of a height of each other are one line.
        boxes = [np.asarray(box) for box in found.boxes]
        order = sorted(range(len(boxes)), key=lambda i: boxes[i][:, 1].mean())
        lines: list[list[int]] = []
        for i in order:
            height = np.ptp(boxes[i][:, 1])
            if lines:
                last = boxes[lines[-1][-1]][:, 1].mean()
                if abs(boxes[i][:, 1].mean() - last) < 0.5 * height:
                    lines[-1].append(i)
                    continue
            lines.append([i])
        texts = [
            " ".join(found.txts[i] for i in sorted(line, key=lambda i: boxes[i][:, 0].min()))
            for line in lines
        ]
        return digits_only(texts), float(min(found.scores))

    return read


def tesseract(mode: int) -> Reader:
    import pytesseract

    config = f"--psm {mode} -c tessedit_char_whitelist=0123456789"

    def read(path: Path) -> tuple[str, float]:
        found = pytesseract.image_to_data(
            _upright(path), config=config, output_type=pytesseract.Output.DICT
        )
        lines: dict[tuple[int, ...], list[str]] = defaultdict(list)
        scores = [1.0]
        for i, text in enumerate(found["text"]):
            if text.strip():
                place = tuple(found[name][i] for name in ("block_num", "par_num", "line_num"))
                lines[place].append(text)
                scores.append(float(found["conf"][i]) / 100)
        return digits_only(["".join(line) for line in lines.values()]), min(scores)

    return read


def _upright(path: Path) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))


def readers_for(one_line: bool, single: bool, peers: bool) -> dict[str, Reader]:
    """By name, those that fit pictures of one line, or of one digit."""
    layouts = ("page", *["line"] * one_line, *["single"] * single)
    readers = {f"digitcnn, {layout}": our_reader(layout) for layout in layouts}
    if peers and importlib.util.find_spec("rapidocr"):
        readers["RapidOCR"] = rapid_ocr(True)
        if one_line:
            readers["RapidOCR, recogniser"] = rapid_ocr(False)
    if peers and importlib.util.find_spec("pytesseract") and shutil.which("tesseract"):
        mode = 10 if single else 7 if one_line else 6
        readers[f"Tesseract, mode {mode}"] = tesseract(mode)
    return readers


def coverage(is_right: list[bool], confidences: list[float]) -> float:
    """The largest part that can be answered with at most 1% wrong, the most confident first."""
    order = np.argsort(-np.array(confidences), kind="stable")
    n_wrong = np.cumsum(~np.array(is_right)[order])
    fine = np.flatnonzero(n_wrong <= 0.01 * np.arange(1, len(order) + 1))
    return float(fine[-1] + 1) / len(order) if len(fine) else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", type=int, choices=[0, 1])
    parser.add_argument("--kind", nargs="+", help="these kinds only")
    parser.add_argument("--wrong", action="store_true", help="name what the reader reads wrongly")
    parser.add_argument("--no-peers", action="store_true", help="the reader alone")
    options = parser.parse_args()
    with (options.folder / "truth.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kinds = defaultdict(list)
    for row in rows:
        kinds[row["kind"]].append(row)
    print(f"{'kind':10} {'reader':22} {'pictures':>8} {'exact':>7} {'digits':>7} "
          f"{'at 99%':>7} {'s':>6}")  # fmt: skip
    for kind, members in kinds.items():
        if options.kind and kind not in options.kind:
            continue
        if options.half is not None:
            members = members[options.half :: 2]
        single = all(len(row["truth"]) == 1 for row in members)
        one_line = all("/" not in row["truth"] for row in members)
        for name, read in readers_for(one_line, single, not options.no_peers).items():
            is_right: list[bool] = []
            confidences: list[float] = []
            n_wrong = n_digits = 0
            start = time.process_time()
            for row in members:
                found, confidence = read(options.folder / row["file"])
                is_right.append(found == row["truth"])
                confidences.append(confidence)
                n_digits += len(row["truth"].replace("/", ""))
                n_wrong += edit_distance(found.replace("/", ""), row["truth"].replace("/", ""))
                if options.wrong and name.startswith("digitcnn") and not is_right[-1]:
                    print(f"  {row['file']}: {found or 'nothing'} for {row['truth']}, "
                          f"{confidence:.2f}")  # fmt: skip
            seconds = (time.process_time() - start) / len(members)
            print(
                f"{kind:10} {name:22} {len(members):8} {np.mean(is_right):7.1%} "
                f"{max(0, 1 - n_wrong / n_digits):7.1%} {coverage(is_right, confidences):7.1%} "
                f"{seconds:6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
