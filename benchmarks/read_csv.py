"""Reading a CSV of 42,000 digits, beside pandas.

    python benchmarks/read_csv.py [TRAIN_CSV]

Without a file one is made of random strokes, in Kaggle's layout and of about its size.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from _report import in_turn, print_header, print_table, ratio

from digitcnn.datasets import read_digits_csv


def write_table(path: Path, rows: int = 42_000) -> None:
    """As many zeros as MNIST has: four pixels of five."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (rows, 784)) * (rng.random((rows, 784)) < 0.19)
    table = pd.DataFrame(pixels, columns=[f"pixel{i}" for i in range(784)])
    table.insert(0, "label", rng.integers(0, 10, rows))
    table.to_csv(path, index=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, nargs="?")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.path
        if path is None:
            path = Path(folder) / "train.csv"
            write_table(path)
        kinds = {f"pixel{i}": np.uint8 for i in range(784)}
        calls = {
            "digitcnn.datasets.read_digits_csv": lambda: read_digits_csv(path),
            "pandas.read_csv": lambda: pd.read_csv(path),
            "pandas.read_csv, dtype uint8": lambda: pd.read_csv(path, dtype=kinds),
        }
        print_header("pandas", "numpy")
        seconds = in_turn(calls, repeats=7)
    rows = []
    for name, times in seconds.items():
        to_pandas = ratio(seconds, name, "pandas.read_csv")
        rows.append([f"`{name}`", f"{statistics.median(times):.2f}", f"{to_pandas:.2f}"])
    print_table(["reader", "median s", "to pandas' default"], rows)


if __name__ == "__main__":
    main()
