"""Calibrate the string recogniser in the wheel, and measure the whole reader on composed lines.

    python benchmarks/pretrained/calibrate_strings.py FOLDER --mnist MNIST_NPZ
        --optdigits OPTDIGITS_NPZ [--write MODEL.onnx] [--lines 4000]

Reads photos of lines of numbers. They are composed as in strings.py, of digits and fonts that no
training has seen, with the contrast, the size and the paper of most people's photos. A calibration
is chosen on one half and measured on the other. With --write, one that is chosen on all lines is
written into the model. The reader uses the model in the package: copy it there first. Without
--write, and with a --seed of its own, the calibration in the package is measured too.
"""

import argparse
from pathlib import Path

import numpy as np
from pictures import Sources
from strings import Hand, _surroundings, compose, photograph, some_text

from digitcnn import DigitReader
from digitcnn.reading.calibration import Calibration
from digitcnn.reading.recogniser import SYMBOLS

_ERRORS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)


def photos(sources: Sources, n: int, seed: int) -> list[tuple[np.ndarray, str, str]]:
    """Pictures of lines with digits, these, and whose hand it is."""
    by_label = {
        name: (data[0], [np.flatnonzero(data[1] == digit) for digit in range(10)])
        for name, data in (("mnist", sources.mnist), ("optdigits", sources.optdigits))
    }
    rng = np.random.default_rng([seed, 77])
    made = []
    while len(made) < n:
        text = some_text(rng)
        # Of numbers: whether an F is a 7 is no question of reading digits.
        if not any(map(str.isdigit, text)) or not all(sign in SYMBOLS[:-1] for sign in text):
            continue
        hand = Hand(sources, by_label, rng)
        ink, top = compose(text, hand, rng)
        photo = photograph(_surroundings(ink, top, hand, rng), rng, is_plain=True)
        digits = "".join(sign for sign in text if sign in "0123456789")
        made.append((photo.picture, digits, hand.kind))
    return made


def fit(probabilities: np.ndarray, is_right: np.ndarray) -> Calibration:
    """Platt's scaling, and the confidence from which on each part of the lines is wrong."""
    from sklearn.linear_model import LogisticRegression

    p = np.clip(probabilities, 1e-6, 1 - 1e-6)
    logits = np.log(p / (1 - p))[:, None]
    model = LogisticRegression(C=1e6).fit(logits, is_right)
    plain = Calibration(float(model.coef_[0, 0]), float(model.intercept_[0]))
    confidences = np.array([plain.confidence(one) for one in probabilities])
    thresholds = []
    for error in _ERRORS:
        part, threshold = coverage(confidences, is_right, error)
        if part:
            thresholds.append((error, round(threshold, 6)))
    return Calibration(plain.slope, plain.offset, tuple(thresholds))


def coverage(confidences: np.ndarray, is_right: np.ndarray, error: float) -> tuple[float, float]:
    """The share that can be answered with such an error, and the confidence from which on."""
    order = np.argsort(-confidences, kind="stable")
    n_wrong = np.cumsum(~is_right[order])
    # At least so many that one that is wrong would not be too many by itself.
    fine = np.flatnonzero(n_wrong + 1 <= error * np.arange(1, len(order) + 1))
    if not len(fine):
        return 0.0, 1.0
    return (fine[-1] + 1) / len(order), float(confidences[order[fine[-1]]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mnist", type=Path, required=True)
    parser.add_argument("--optdigits", type=Path, required=True)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--lines", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with np.load(options.mnist) as arrays:
        mnist = arrays["x_train"][55_000:], arrays["y_train"][55_000:]
    with np.load(options.optdigits) as arrays:
        first = len(arrays["x"]) * 4 // 5
        optdigits = arrays["x"][first:], arrays["y"][first:]
    sources = Sources(options.folder, mnist, optdigits, held_out=True)
    lines = photos(sources, options.lines, options.seed)
    # Probabilities as they are: the identity is the calibration of a model without one.
    reader = DigitReader(layout="line")
    told = calibration_of(reader)
    found, is_right, hands = [], [], []
    for picture, digits, hand in lines:
        page = reader.read(picture)
        found.append(uncalibrated(page.confidence, told) if page.lines else 0.0)
        is_right.append(page.text.replace(" ", "").replace("\n", "") == digits)
        hands.append(hand)
    probabilities, right = np.array(found), np.array(is_right)
    for hand in sorted(set(hands)):
        here = np.array([one == hand for one in hands])
        print(f"{hand:10} {here.sum():5} lines, {right[here].mean():.1%} exact")
    print(f"{'all':10} {len(right):5} lines, {right.mean():.1%} exact")
    half = np.arange(len(right)) % 2 == 0
    calibration = fit(probabilities[half], right[half])
    confidences = np.array([calibration.confidence(one) for one in probabilities])
    print(f"slope {calibration.slope:.3f}, offset {calibration.offset:.3f}; on the other half:")
    for low, high in ((0, 0.5), (0.5, 0.8), (0.8, 0.95), (0.95, 0.99), (0.99, 1.01)):
        here = ~half & (confidences >= low) & (confidences < high)
        if here.any():
            print(f"  confidence {low:.2f} to {min(high, 1):.2f}: {here.sum():5} lines, mean "
                  f"{confidences[here].mean():.3f}, {right[here].mean():.3f} right")  # fmt: skip
    print_thresholds(calibration, probabilities[~half], right[~half])
    if not options.write:
        print("the calibration in the package, on all lines:")
        print_thresholds(told, probabilities, right)
    else:
        import onnx

        # Measured: now all lines choose, because few of them are read with the highest confidence.
        calibration = fit(probabilities, right)
        print(f"written: {calibration.to_json()}")

        model = onnx.load(options.write)
        kept = [one for one in model.metadata_props if one.key != "calibration"]
        del model.metadata_props[:]
        model.metadata_props.extend(kept)
        entry = model.metadata_props.add()
        entry.key, entry.value = "calibration", calibration.to_json()
        onnx.save(model, options.write)


def print_thresholds(calibration: Calibration, found: np.ndarray, is_right: np.ndarray) -> None:
    confidences = np.array([calibration.confidence(one) for one in found])
    for error, threshold in calibration.thresholds:
        here = confidences >= threshold
        wrong = 1 - is_right[here].mean() if here.any() else 0.0
        print(
            f"  at most {error:.1%} wrong: from {threshold:.4f} on, {here.mean():.1%} of the lines "
            f"are answered, {wrong:.2%} of them wrongly"
        )


def calibration_of(reader: DigitReader) -> Calibration:
    from digitcnn.reading.reader import RECOGNISER

    return RECOGNISER.calibration


def uncalibrated(confidence: float, calibration: Calibration) -> float:
    """The probability that a confidence was made of."""
    c = min(max(confidence, 1e-9), 1 - 1e-9)
    logit = (np.log(c / (1 - c)) - calibration.offset) / calibration.slope
    return float(1 / (1 + np.exp(-logit)))


if __name__ == "__main__":
    main()
