"""Train the model in the wheel on the data of pictures.py.

    python benchmarks/pretrained/train.py FOLDER --out MODEL [--epochs 5] [--rows N]

A training that is cut off goes on after its last epoch. Pictures that are no digits get random
labels here.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from pictures import NO_DIGIT

# The part of what is no digit that may have a confidence above a half.
_SURE_OF_NOTHING = 0.05


def choose_temperature(probabilities: np.ndarray) -> float:
    """The least temperature with which nearly all of what is no digit has a low confidence."""
    from digitcnn.calibration import with_temperature

    for temperature in np.arange(1.0, 3.0, 0.05).round(2).tolist():
        if (
            with_temperature(probabilities, temperature).max(axis=1) > 0.5
        ).mean() < _SURE_OF_NOTHING:
            return float(temperature)
    raise ValueError("no temperature is enough")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rows", type=int, help="train on so many of the pictures")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    from digitcnn import DigitCNNClassifier

    with np.load(options.folder / "train.npz") as arrays:
        X, y = arrays["X"], arrays["y"]
    rng = np.random.default_rng(options.seed)
    if options.rows:
        rows = rng.permutation(len(X))[: options.rows]
        X, y = X[rows], y[rows]
    none = np.flatnonzero(y == NO_DIGIT)
    y[none] = rng.integers(0, 10, len(none))
    print(f"{len(X):,} pictures, {len(none):,} of them no digits, {options.epochs} epochs")
    start = time.perf_counter(), time.process_time()
    clf = DigitCNNClassifier(
        "compact",
        epochs=options.epochs,
        pixel_range=(0, 255),
        random_state=options.seed,
        checkpoint_dir=options.folder / "checkpoints",
    ).fit(X, y)
    with np.load(options.folder / "held_out.npz") as arrays:
        is_nothing = np.char.startswith(arrays["source"].astype(str), "no digit")
        clf.temperature_ = choose_temperature(clf.predict_proba(arrays["X"][is_nothing]))
    seconds = time.perf_counter() - start[0], time.process_time() - start[1]
    print(f"{seconds[0]:.0f} s, {seconds[1]:.0f} s of the processor; losses {clf.loss_curve_}")
    clf.save(options.out)


if __name__ == "__main__":
    main()
