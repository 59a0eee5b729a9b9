"""The fixed cost of a fit beside its arithmetic, and the memory that fits leave behind.

    python benchmarks/repeated_fits.py [--fits 100]

Fits of one batch of 128 images, so that building and tracing is nearly all there is: this estimator
and SciKeras's KerasClassifier with the same network, in turn in one process. The fixed cost is the
time of a fit less the arithmetic of its batch, which is estimated from fits of nine batches. Each
fit has another seed, learning rate, regularisation and distortion. Then --fits fits of this
estimator measure the growth of the resident memory.
"""

import argparse
import statistics

import numpy as np
from _report import in_turn, print_header, print_table, ratio, resident_megabytes
from scikeras.wrappers import KerasClassifier

from digitcnn import DigitCNNClassifier
from digitcnn.backend.build import build


def scikeras_classifier(architecture: str) -> KerasClassifier:
    def network():
        model = build(architecture, (28, 28, 1), 10, dropout=None, seed=0, dtype="float32")
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    return KerasClassifier(network, epochs=1, batch_size=128, verbose=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=100)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (128, 784), dtype=np.uint8)
    y = np.arange(128) % 10
    images = (X / 255).astype(np.float32).reshape(-1, 28, 28, 1)
    print_header("keras", "tensorflow", "scikeras")
    settings = np.random.default_rng(1)

    def another(architecture):
        """A classifier that was never fitted, with settings of its own."""
        return DigitCNNClassifier(
            architecture,
            epochs=1,
            random_state=int(settings.integers(1_000_000)),
            learning_rate=float(settings.uniform(1e-4, 1e-2)),
            weight_decay=float(settings.uniform(0, 0.1)),
            dropout=0.0 if architecture == "elu-bn" else float(settings.uniform(0.1, 0.5)),
            label_smoothing=float(settings.uniform(0, 0.1)),
            rotation_range=float(settings.uniform(0, 20)),
            elastic_alpha=float(settings.uniform(1, 9)),
        )

    rows = []
    many = np.tile(X, (9, 1)), np.tile(y, 9)
    for architecture in ("compact", "relu-dropout", "elu-bn"):
        calls = {
            "a fit": lambda a=architecture: another(a).fit(X, y),
            "nine batches": lambda a=architecture: another(a).fit(*many),
            "SciKeras": lambda a=architecture: scikeras_classifier(a).fit(images, y),
        }
        seconds = in_turn(calls, repeats=7)
        one, nine, other = (statistics.median(seconds[name]) for name in calls)
        fixed = one - (nine - one) / 8
        factor = 1 / ratio(seconds, "a fit", "SciKeras")
        cells = [f"{value:.3f}" for value in (one, fixed, other)]
        rows.append([architecture, *cells, f"{factor:.1f}"])
    print_table(["network", "fit s", "fixed cost s", "SciKeras fit s", "SciKeras / fit"], rows)

    before = 0.0
    for number in range(options.fits + 5):
        if number == 5:
            before = resident_megabytes()
        another("compact").fit(X, y)
    grown = resident_megabytes() - before
    a_fit = grown / options.fits
    print(f"\n{options.fits} fits: resident memory grew by {grown:.1f} MB, {a_fit:.2f} MB a fit")


if __name__ == "__main__":
    main()
