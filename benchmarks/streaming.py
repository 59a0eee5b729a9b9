"""Memory of ``digitcnn train`` and ``digitcnn predict`` on a growing number of rows.

    python benchmarks/streaming.py [--rows 20000] [--times 20]

CSV files of random strokes, in Kaggle's layout: first one of them, then --times of them. Each
command is its own process, measured from outside. Its own memory counts, without pages of a mapped
file, which the system may drop at any time. Linux only.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _report import own_megabytes, print_header, print_table
from read_csv import write_table


def watch(*arguments: str) -> tuple[float, float]:
    """Seconds that a command takes, and the most memory that it has had."""
    start, most = time.perf_counter(), 0.0
    command = [sys.executable, "-m", "digitcnn", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max(most, own_megabytes(process.pid))
            time.sleep(0.01)
    if process.returncode:
        raise RuntimeError(f"digitcnn {' '.join(arguments)} failed")
    return time.perf_counter() - start, most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=20)
    options = parser.parse_args()
    print_header("keras", "tensorflow")
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = str(folder / "m.digitcnn")
        training = ["train", "--recipe", "notebook-relu", "--epochs", "1", "--out", model]
        write_table(folder / "part-00.csv", options.rows)
        for n in (1, options.times):
            for i in range(1, n):
                (folder / f"part-{i:02}.csv").hardlink_to(folder / "part-00.csv")
            data = str(folder / "part-*.csv")
            for what, arguments in {
                "train": [*training, data],
                "train --stream": [*training, data, "--stream"],
                "predict": ["predict", model, data, "--out", str(folder / "answers.csv")],
            }.items():
                seconds, most = watch(*arguments)
                size = n * options.rows * 784 / 1e6
                rows.append([what, f"{n * options.rows:,}", f"{size:.0f}", f"{most:.0f}"])
                first = next(float(row[3]) for row in rows if row[0] == what)
                rows[-1] += [f"{most / first:.2f}", f"{seconds:.0f}"]
    print_table(["command", "rows", "pixels MB", "most MB", "to the first", "s"], rows)


if __name__ == "__main__":
    main()
