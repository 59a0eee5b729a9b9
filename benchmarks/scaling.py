"""How time grows with images, batch size and image size, and how much of the machine is used.

    python benchmarks/scaling.py

Seconds of a training of one epoch and of a prediction, each the second in its process, so that
everything is compiled. Then the arithmetic per second, beside the machine's maximum in one large
matrix product.
"""

import statistics
import time

import keras
import numpy as np
import tensorflow as tf
from _report import print_header, print_table

from digitcnn import DigitCNNClassifier
from digitcnn.backend.build import build
from digitcnn.backend.devices import choose_precision


def best(call, repeats: int) -> float:
    """The median seconds of a call, the first one not counted."""
    call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def digits(n: int, side: int = 28) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, side, side), dtype=np.uint8), np.arange(n) % 10


def seconds_of(n: int, side: int = 28, repeats: int = 3, **parameters) -> tuple[float, float]:
    X, y = digits(n, side)
    clf = DigitCNNClassifier(epochs=1, random_state=0, **parameters)
    training = best(lambda: clf.fit(X, y), repeats)
    return training, best(lambda: clf.predict_proba(X), repeats)


def row(name: str, n: int, seconds: tuple[float, float]) -> list[str]:
    cells = [name]
    for value in seconds:
        cells += [f"{value:.3f}", f"{n / value:,.0f}"]
    return cells


def multiplications(model: keras.Model) -> int:
    """Multiply-adds of one image's way forward, in convolutions and dense layers."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            total += int(np.prod(layer.output.shape[1:3])) * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.Dense):
            total += int(np.prod(layer.kernel.shape))
    return total


def product_peak(precision: str, n: int = 4096) -> float:
    """Floating point operations a second of a matrix product."""
    matrix = tf.cast(tf.random.normal((n, n)), precision)
    product = tf.function(lambda a: tf.matmul(a, a))
    return 2 * n**3 / best(lambda: product(matrix)[0, 0].numpy(), 7)


def main() -> None:
    print_header("keras", "tensorflow")
    columns = ["", "training s", "images/s", "prediction s", "images/s"]
    print("Images (28x28, batches of 128):\n")
    sizes = (128, 1_000, 3_000, 10_000, 30_000, 60_000)
    found = {n: seconds_of(n, repeats=5 if n <= 3_000 else 1) for n in sizes}
    print_table(columns, [row(f"{n:,} images", n, found[n]) for n in sizes])
    for part, name in enumerate(("training", "prediction")):
        slope, fixed = np.polyfit(sizes, [found[n][part] for n in sizes], 1)
        print(f"\n{name}: a line has {fixed:.3f} s and {1e6 * slope:.0f} us an image")
    print("\nBatch size (10,240 images):\n")
    batches = (16, 32, 64, 128, 256, 512, 1024)
    rows = [row(f"batch {b}", 10_240, seconds_of(10_240, batch_size=b, repeats=1)) for b in batches]
    print_table(columns, rows)
    print("\nSide (2,048 images):\n")
    sides = (8, 14, 20, 28, 40, 56)
    rows = [row(f"{s}x{s}", 2_048, seconds_of(2_048, side=s, repeats=2)) for s in sides]
    print_table(columns, rows)
    print("\nArithmetic, in GFLOP/s (a training step counted as three ways forward):\n")
    rows = []
    for precision in dict.fromkeys(("float32", choose_precision("auto"))):
        peak = product_peak(precision) / 1e9
        for architecture in ("compact", "relu-dropout", "elu-bn"):
            model = build(architecture, (28, 28, 1), 10, dropout=None, seed=0, dtype="float32")
            per_image = 2 * multiplications(model) / 1e9
            n = 2_560
            training, prediction = seconds_of(
                n, architecture=architecture, precision=precision, repeats=2
            )
            speeds = 3 * per_image * n / training, per_image * n / prediction
            rows.append([architecture, precision, f"{1e3 * per_image:.1f}", f"{peak:.0f}"])
            for speed in speeds:
                rows[-1] += [f"{speed:.0f}", f"{speed / peak:.0%}"]
    columns = ["network", "precision", "MFLOP an image", "product", "training", "of it"]
    print_table([*columns, "prediction", "of it"], rows)


if __name__ == "__main__":
    main()
