"""Accuracy of the reader on a folder of pictures with their truth, by kind.

Usage: python benchmarks/reading.py FOLDER [--half {0,1}] [--wrong]

The folder has a truth.csv with the columns file, kind and truth: the digits in reading order, with
lines separated by "/". A picture is right if its digits, line by line, are exactly these; "digits"
is the part of the digits that are right, by edit distance. "line" and "single" are what --line and
--single read. --half takes every second picture of each kind: develop on one half only.
"""

import argparse
import csv
import time
from collections import defaultdict
from pathlib import Path

from digitcnn.reading import DigitReader


def edit_distance(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, sign in enumerate(one, 1):
        last, row[0] = row[0], i
        for j, wanted in enumerate(other, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (sign != wanted))
    return row[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", type=int, choices=[0, 1])
    parser.add_argument("--wrong", action="store_true", help="name what is read wrongly")
    options = parser.parse_args()
    with (options.folder / "truth.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kinds = defaultdict(list)
    for row in rows:
        kinds[row["kind"]].append(row)
    readers = {layout: DigitReader(layout=layout) for layout in ("page", "line", "single")}
    print(f"{'kind':10} {'layout':7} {'pictures':>8} {'exact':>7} {'digits':>7} {'s':>6}")
    for kind, members in kinds.items():
        if options.half is not None:
            members = members[options.half :: 2]
        single = all(len(row["truth"]) == 1 for row in members)
        one_line = all("/" not in row["truth"] for row in members)
        for layout in ("page", *["line"] * one_line, *["single"] * single):
            n_exact = n_wrong = n_digits = 0
            start = time.process_time()
            for row in members:
                page = readers[layout].read(options.folder / row["file"])
                found = page.text.replace(" ", "").replace("\n", "/")
                n_exact += found == row["truth"]
                n_digits += len(row["truth"].replace("/", ""))
                n_wrong += edit_distance(found.replace("/", ""), row["truth"].replace("/", ""))
                if options.wrong and found != row["truth"]:
                    print(f"  {row['file']}: {found or 'nothing'} for {row['truth']}")
            seconds = (time.process_time() - start) / len(members)
            print(
                f"{kind:10} {layout:7} {len(members):8} {n_exact / len(members):7.1%} "
                f"{max(0, 1 - n_wrong / n_digits):7.1%} {seconds:6.2f}"
            )


if __name__ == "__main__":
    main()
