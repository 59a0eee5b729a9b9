"""Seconds to list, check, decode and redraw image files, beside a plain loop with Pillow.

    python benchmarks/image_files.py [--images 10000] [--side 48]

Scikit-learn's digits, dark on white, as files in a folder for each class. Each figure is one run of
its own process, with the files in the system's cache. "headers" is the time to find a file that is
not an image; "loop" opens and decodes the same files one after another with Pillow alone.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _report import print_header, print_table
from PIL import Image
from sklearn.datasets import load_digits

STEPS = ("list", "headers", "decode", "rows", "loop")


def write(folder: Path, n_images: int, side: int) -> None:
    digits = load_digits()
    for i in range(n_images):
        small = (255 - 15 * digits.images[i % 1797]).astype(np.uint8)
        file = folder / str(digits.target[i % 1797]) / f"{i}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(file)


def run(step: str, folder: str) -> None:
    """Print the seconds of a step, those of the processor's, and the most memory in MB."""
    from digitcnn.datasets import read_digit_images
    from digitcnn.tables.image_batches import ImageReader
    from digitcnn.tables.image_sources import find_images

    images = find_images(folder)
    reader = ImageReader(images) if step == "decode" else None
    start, cpu = time.perf_counter(), time.process_time()
    if step == "list":
        find_images(folder)
    elif step == "headers":
        ImageReader(images)
    elif reader is not None:
        for _ in reader:
            pass
    elif step == "rows":
        read_digit_images(folder)
    else:
        for file in images.files:
            np.asarray(Image.open(file))
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{seconds:.2f} {cpu:.2f} {most:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--side", type=int, default=48)
    parser.add_argument("--step", nargs=2, metavar=("STEP", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        run(*options.step)
        return
    print_header("numpy", "scikit-learn")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), options.images, options.side)
        for step in STEPS:
            command = [sys.executable, __file__, "--step", step, folder]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            rows.append([step, f"{options.images:,}", *done.stdout.split()])
    print_table(["step", "images", "s", "CPU s", "most MB"], rows)


if __name__ == "__main__":
    main()
