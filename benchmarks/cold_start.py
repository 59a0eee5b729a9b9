"""From a shell's prompt to an answer: the command and the loaded estimator, without and with Keras.

    python benchmarks/cold_start.py [MODEL] [--mnist]

Whole processes, in turn, and the largest memory that each takes. MODEL is a model file; without one
the default network is trained for an epoch on the bundled sample, which is as good for timing.
"Through Keras" is the loaded estimator after an access to its `model_`. With --mnist both predict
MNIST's test digits, and the answers are compared.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _report import print_header, print_table

REPEATS = 7
TEN, MANY = 10, 28_000

LOAD = (
    "import sys, numpy as np, digitcnn;clf = digitcnn.load(sys.argv[1]); X = np.load(sys.argv[2]);"
)
THROUGH_KERAS = LOAD + "clf.model_; print(clf.predict(X).sum())"
THROUGH_RUNTIME = LOAD + "print(clf.predict(X).sum())"
IMPORTED = "import sys; from digitcnn.cli import main; main(sys.argv[1:]); print(*sys.modules)"
HEAVY = ("tensorflow", "keras", "sklearn", "pandas")


def measure(arguments: list[str]) -> tuple[float, float]:
    """Seconds and MB of a process."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        raise SystemExit(f"{arguments} ended with {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def one_image(model: str, X: np.ndarray) -> tuple[float, float]:
    """Milliseconds of an image, in a loaded estimator: without Keras, and with it."""
    import digitcnn

    medians = []
    for through_keras in (False, True):
        clf = digitcnn.load(model)
        if through_keras:
            _ = clf.model_
        times = []
        for i in range(500):
            start = time.perf_counter()
            clf.predict(X[i % len(X)][np.newaxis])
            times.append(time.perf_counter() - start)
        medians.append(1e3 * statistics.median(times[50:]))
    return medians[0], medians[1]


def compare_on_mnist(model: str) -> None:
    """How far the answers without Keras are from those with it, both in float32."""
    import digitcnn

    X, y = digitcnn.datasets.load_mnist(split="test")
    clf = digitcnn.load(model)
    without = clf.predict_proba(X)
    _ = clf.model_
    through_keras = clf.predict_proba(X)
    n_differing = int((without.argmax(axis=1) != through_keras.argmax(axis=1)).sum())
    accuracy = float((clf.classes_[without.argmax(axis=1)] == y).mean())
    difference = float(np.abs(without - through_keras).max())
    print(
        f"MNIST's test digits: accuracy {accuracy:.2%}; {n_differing} labels differ from Keras's, "
        f"probabilities by up to {difference:.1e}"
    )


def make_model(folder: Path) -> str:
    code = (
        "import sys, digitcnn; X, y = digitcnn.datasets.load_sample_digits();"
        "digitcnn.DigitCNNClassifier(epochs=1).fit(X, y).save(sys.argv[1])"
    )
    path = str(folder / "m.digitcnn")
    subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", nargs="?")
    parser.add_argument("--mnist", action="store_true", help="compare the answers on MNIST")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = options.model or make_model(folder)
        rng = np.random.default_rng(0)
        X = rng.integers(0, 256, (MANY, 784), dtype=np.uint8)
        np.save(folder / "many.npy", X)
        np.save(folder / "ten.npy", X[:TEN])
        header = ",".join(f"pixel{i}" for i in range(784))
        np.savetxt(folder / "ten.csv", X[:TEN], "%d", ",", header=header, comments="")
        ten, many = str(folder / "ten.npy"), str(folder / "many.npy")
        predict = ["predict", model, str(folder / "ten.csv")]
        calls = {
            "`digitcnn predict`, ten digits": ["-m", "digitcnn", *predict],
            "`digitcnn info MODEL`": ["-m", "digitcnn", "info", model],
            "`load`, `predict`, ten digits": ["-c", THROUGH_RUNTIME, model, ten],
            "the same through Keras": ["-c", THROUGH_KERAS, model, ten],
            f"`load`, `predict`, {MANY:,} digits": ["-c", THROUGH_RUNTIME, model, many],
            "the same digits through Keras": ["-c", THROUGH_KERAS, model, many],
        }
        for arguments in calls.values():  # file caches
            measure(arguments)
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
        for _ in range(REPEATS):
            for name, arguments in calls.items():
                figures[name].append(measure(arguments))
        print_header("keras", "tensorflow", "onnx", "onnxruntime", "scikit-learn")
        rows = []
        for name, found in figures.items():
            seconds = [one for one, _ in found]
            median, least = statistics.median(seconds), min(seconds)
            megabytes = statistics.median(size for _, size in found)
            rows.append([name, f"{median:.2f}", f"{least:.2f}", f"{megabytes:.0f}"])
        print_table(["process", "median s", "least s", "MB"], rows)
        said = subprocess.check_output([sys.executable, "-c", IMPORTED, *predict], text=True)
        modules = said.splitlines()[-1].split()
        print(f"\nimported by `digitcnn predict`: {[one for one in HEAVY if one in modules]}")
        without, with_keras = one_image(model, X[:200])
        print(f"one image, estimator loaded: {without:.2f} ms, through Keras {with_keras:.2f} ms")
        if options.mnist:
            compare_on_mnist(model)


if __name__ == "__main__":
    main()
